import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { timingSafeEqual } from "hono/utils/buffer";
import { sha256 } from "hono/utils/crypto";
import { HermaError } from "../contract/index.ts";
import type { Clock } from "../system/index.ts";

/** A login link works this long, and once. */
export const ticketMs = 600_000;
/** A browser stays logged in this long, or until the gateway restarts. */
const sessionMs = 30 * 86_400_000;
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

/** Who may use the API: whoever has the owner's token, or a browser that came by a login link. Of sessions, which last, only hashes are kept. */
export class Auth {
  readonly #options: AuthOptions;
  /** Ticket, as it is, to the monotonic moment at which it ends. */
  readonly #tickets = new Map<string, number>();
  /** Hash of a session to the monotonic moment at which it ends. */
  readonly #sessions = new Map<string, number>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** A new ticket for `/login?ticket=…`. */
  makeTicket(): string {
    const ticket = this.#secret();
    this.#keep(this.#tickets, ticket, ticketMs, ticketsMax);
    return ticket;
  }

  /** The address with a new ticket. */
  loginLink(address: string): string {
    return `${address}/login?ticket=${this.makeTicket()}`;
  }

  /** Trades a ticket for a session cookie. Throws UNAUTHORIZED when it was used already, is too old or was never made. */
  async login(c: Context, ticket: string): Promise<void> {
    const until = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (until === undefined || until < this.#options.clock.monotonicMs()) {
      throw new HermaError("UNAUTHORIZED", "this link was used already or is too old", { hint: "`herma gateway link` makes a new one." });
    }
    const session = this.#secret();
    this.#keep(this.#sessions, await hashOf(session), sessionMs, sessionsMax);
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

  #secret(): string {
    return Buffer.from(this.#options.random(secretBytes)).toString("base64url");
  }

  #keep(kept: Map<string, number>, key: string, lifeMs: number, max: number): void {
    const now = this.#options.clock.monotonicMs();
    for (const [old, until] of kept) if (until < now) kept.delete(old);
    while (kept.size >= max) kept.delete(kept.keys().next().value ?? "");
    kept.set(key, now + lifeMs);
  }

  #cookieName(): string {
    return `herma_session_${this.#options.port()}`;
  }
}

async function hashOf(secret: string): Promise<string> {
  return (await sha256(secret)) ?? "";
}
