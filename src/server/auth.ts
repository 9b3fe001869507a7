import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { timingSafeEqual } from "hono/utils/buffer";
import { sha256 } from "hono/utils/crypto";
import { HermaError } from "../contract/index.ts";
import type { Clock } from "../system/index.ts";

/** A login link works this long, and once. */
export const ticketMs = 600_000;
/** A browser stays logged in this long, or until the gateway restarts. */
export const sessionMs = 30 * 86_400_000;
/** More tickets or logins than this at once: the oldest is forgotten. */
const ticketsMax = 32;
const sessionsMax = 256;
const secretBytes = 32;

export type AuthOptions = {
  /** The owner's token; with an empty one nobody gets in. */
  readonly token: string;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly random: (bytes: number) => Uint8Array;
  /** Part of the cookie's name, because browsers do not keep the cookies of two ports of one host apart. */
  readonly port: () => number;
};

/** Who may use the API: whoever has the owner's token, or a browser that came by a login link. Only hashes of what it hands out are kept. */
export class Auth {
  readonly #options: AuthOptions;
  /** Hash to the monotonic moment at which it ends. */
  readonly #tickets = new Map<string, number>();
  readonly #sessions = new Map<string, number>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** A new ticket for `/login?ticket=…`. */
  async makeTicket(): Promise<string> {
    return this.#issue(this.#tickets, ticketMs, ticketsMax);
  }

  /** Trades a ticket for a session cookie. Throws UNAUTHORIZED when it was used already, is too old or was never made. */
  async login(c: Context, ticket: string): Promise<void> {
    const hash = await hashOf(ticket);
    const until = this.#tickets.get(hash);
    this.#tickets.delete(hash);
    if (until === undefined || until < this.#options.clock.monotonicMs()) {
      throw new HermaError("UNAUTHORIZED", "this link was used already or is too old", { hint: "`herma gateway link` makes a new one." });
    }
    const session = await this.#issue(this.#sessions, sessionMs, sessionsMax);
    setCookie(c, this.#cookieName(), session, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: sessionMs / 1000 });
  }

  /** True when the request comes from somebody who may. */
  async allows(c: Context): Promise<boolean> {
    const header = c.req.header("authorization");
    // A header that is there decides alone: a wrong token is not helped by a cookie.
    if (header !== undefined) return await this.#tokenFits(header);
    const session = getCookie(c, this.#cookieName());
    if (session === undefined) return false;
    const until = this.#sessions.get(await hashOf(session));
    if (until === undefined || until < this.#options.clock.monotonicMs()) return false;
    // Pages of other ports of this host are the same site, so SameSite does not keep them out; browsers tell an Origin, which was checked.
    return c.req.method === "GET" || c.req.method === "HEAD" || c.req.header("origin") !== undefined;
  }

  async #tokenFits(header: string): Promise<boolean> {
    const match = /^Bearer +(\S+) *$/i.exec(header);
    const given = match?.[1];
    if (given === undefined || this.#options.token === "") return false;
    return await timingSafeEqual(given, this.#options.token);
  }

  async #issue(kept: Map<string, number>, lifeMs: number, max: number): Promise<string> {
    const now = this.#options.clock.monotonicMs();
    for (const [hash, until] of kept) if (until < now) kept.delete(hash);
    while (kept.size >= max) kept.delete(kept.keys().next().value ?? "");
    const secret = Buffer.from(this.#options.random(secretBytes)).toString("base64url");
    kept.set(await hashOf(secret), now + lifeMs);
    return secret;
  }

  #cookieName(): string {
    return `herma_session_${this.#options.port()}`;
  }
}

async function hashOf(secret: string): Promise<string> {
  return (await sha256(secret)) ?? "";
}
