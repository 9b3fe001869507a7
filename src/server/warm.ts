import type { Server } from "node:http";
import { duplexPair } from "node:stream";
import type { Clock } from "../system/index.ts";
import { bracketed, type Served } from "./hosts.ts";
import { routes } from "./routes.ts";

/** Longer than a first answer takes on any machine; whoever comes then waits a little. */
const warmMsMax = 1_000;

/**
 * Asks a server for its health, on a connection within this program. A first answer loads and compiles what all answers need, which takes ten
 * times as long as the second one: nobody has to wait for that. `probes` leaves out what only other questions need. Never throws.
 */
export async function warmUp(server: Server, served: Served, clock: Pick<Clock, "after">, what: "probes" | "all" = "all"): Promise<void> {
  const [client, side] = duplexPair();
  const answered = new Promise<void>((resolve) => {
    client.once("end", resolve).once("close", resolve).once("error", resolve);
  });
  client.resume();
  server.emit("connection", side);
  // What answers the probes leaves HEAD to the application.
  client.write(
    `${what === "all" ? "HEAD" : "GET"} ${routes.health.path} HTTP/1.1\r\nhost: ${bracketed(served.host)}:${served.port}\r\nconnection: close\r\n\r\n`,
  );
  const late = clock.after(warmMsMax, () => client.destroy(), { unref: true });
  await answered;
  late.cancel();
  client.destroy();
}
