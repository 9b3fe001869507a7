/**
 * A daemon in forty lines: it answers over HTTP how often it was asked, in its whole life. One per home, drained, stopped, restarted and taken
 * over without a lost request, and whatever ends it is explained:
 *
 *     node examples/daemon.ts ~/.counter &
 *     herma gateway status --home ~/.counter        herma gateway drain --home ~/.counter --wait
 *     herma gateway restart --home ~/.counter       herma gateway history --home ~/.counter
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import nodeProcess from "node:process";
import { isHermaError, serveDaemon } from "herma/lifecycle";

const home = nodeProcess.argv[2] ?? join(nodeProcess.env.HOME ?? ".", ".counter");
const file = join(home, "count");

try {
  const { exitCode } = await serveDaemon({
    home,
    start: async ({ work, log }) => {
      let count = Number(readOr(file, "0"));
      // Counted while it is answered: a drain refuses the next request, and a stop waits for this one.
      const answer = () => work.run("api", async () => `${++count}\n`);
      const server = createServer((_request, response) => {
        answer().then(
          (text) => response.end(text),
          (refusal: Error) => response.writeHead(503, { "retry-after": "5" }).end(`${refusal.message}\n`),
        );
      });
      await new Promise<void>((listening) => server.listen(Number(nodeProcess.env.PORT ?? 0), "127.0.0.1", listening));
      log.info({ port: (server.address() as AddressInfo).port }, "counting");
      return async () => {
        await new Promise((closed) => server.close(closed));
        writeFileSync(`${file}.next`, String(count));
        renameSync(`${file}.next`, file);
      };
    },
  });
  nodeProcess.exit(exitCode);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  nodeProcess.exit(isHermaError(error) ? error.row.exit : 1);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}
