import type { Context } from "hono";
import { timingSafeEqual } from "hono/utils/buffer";
import type { Log } from "../gateway/index.ts";
import { drainSecretWeakness } from "../rules/index.ts";
import { routes } from "./routes.ts";

/** Whose leases are those that came with the drain secret; the original's name. */
export const drainSecretPrincipal = "drain-control";

/**
 * The secret that may drain the gateway and do nothing else, for whoever updates or moves the machine. It is valid for one path only. A weak
 * secret is not accepted: anybody could guess it and drain the gateway.
 */
export class DrainAuth {
  readonly #secret: string;
  readonly #log: Log;

  /** `secret`: empty when there is none. */
  constructor(secret: string, log: Log) {
    const weakness = secret === "" ? null : drainSecretWeakness(secret);
    if (weakness !== null)
      log.error(
        { weakness },
        "the drain secret is too weak and lets nobody in; `openssl rand -base64 32 | tr '+/' '-_' | tr -d =` makes a good one",
      );
    this.#secret = weakness === null ? secret : "";
    this.#log = log;
  }

  /** True when the request may drain. One that tried and may not is noted. */
  async allows(c: Context): Promise<boolean> {
    if (c.req.path !== routes.drain.path) return false;
    const header = c.req.header("authorization");
    if (header === undefined) return false;
    const given = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    const allowed = this.#secret !== "" && given !== undefined && (await timingSafeEqual(given, this.#secret));
    if (!allowed)
      this.#log.warn({ path: c.req.path, from: addressOf(c) }, "a request to drain was refused: neither the drain secret nor the token");
    return allowed;
  }
}

/** Where a request comes from, as far as the server knows. */
function addressOf(c: Context): string {
  const incoming = (c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return incoming?.socket?.remoteAddress ?? "unknown";
}
