import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Clock } from "../system/index.ts";

type Socket = IncomingMessage["socket"];
type Use = { readonly socket: Socket; underWay: number; idleSinceMs: number };

/** A connection that has just been opened does not count as idle for this long: its first request may be on the way. */
const freshMs = 250;

/**
 * Knows which connections have an answer under way. Node's own list counts a connection that was opened and never used as busy, and keeps one
 * whose answer ends after the server was closed: both would hold up a shutdown. At the limit, the connection that has been idle for longest is
 * closed, so that nobody who only holds connections open can shut others out.
 */
export class Connections {
  /** Idle connections; the one that has been idle for longest comes first. */
  readonly #open = new Map<Socket, Use>();
  readonly #max: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #answers = new Set<ServerResponse>();
  #leaving = false;
  #farewell = false;
  /** Called when no connection is idle. */
  #calm: (() => void) | null = null;

  constructor(server: Server, max: number, clock: Pick<Clock, "monotonicMs">) {
    this.#max = max;
    this.#clock = clock;
    // A client that was refused finds room when it tries again.
    server.on("drop", () => this.#makeRoom());
    server.on("connection", (socket: Socket) => this.#opened(socket));
    // Registered before the application's listener, which may answer at once.
    server.prependListener("request", (incoming: IncomingMessage, outgoing: ServerResponse) => this.#asked(incoming.socket, outgoing));
  }

  /** Closes what is idle now, and everything else as soon as its answer is out. */
  leave(): void {
    this.#leaving = true;
    for (const { socket, underWay } of this.#open.values()) if (underWay === 0) socket.destroy();
  }

  /** From now on every answer says that its connection ends with it, so that the client takes another one for its next request. */
  farewell(): void {
    this.#farewell = true;
    for (const outgoing of this.#answers) if (!outgoing.headersSent) outgoing.setHeader("connection", "close");
  }

  /** Resolves as soon as there is no connection whose client might be about to ask something. */
  async calm(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#calm = resolve;
      this.#lookIfCalm();
    });
  }

  /** As {@link leave}, but whoever is idle keeps its connection until it has been so for `idleMs`: a request may be on its way. */
  leaveGently(idleMs: number, clock: Pick<Clock, "after">): void {
    this.#leaving = true;
    for (const use of this.#open.values()) {
      const leftMs = Math.max(0, use.idleSinceMs + idleMs - this.#clock.monotonicMs());
      // A connection with a new request closes with its answer.
      if (use.underWay === 0) clock.after(leftMs, () => use.underWay === 0 && use.socket.destroy(), { unref: true });
    }
  }

  /** Closes everything at once. */
  cut(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #opened(socket: Socket): void {
    this.#makeRoom();
    this.#open.set(socket, { socket, underWay: 0, idleSinceMs: this.#clock.monotonicMs() });
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#lookIfCalm();
    });
  }

  #asked(socket: Socket, outgoing: ServerResponse): void {
    const use = this.#open.get(socket);
    if (use === undefined) return;
    use.underWay += 1;
    this.#answers.add(outgoing);
    if (this.#farewell) outgoing.setHeader("connection", "close");
    outgoing.once("close", () => {
      this.#answers.delete(outgoing);
      this.#answered(use);
    });
    this.#lookIfCalm();
  }

  #lookIfCalm(): void {
    if (this.#calm === null) return;
    for (const { underWay } of this.#open.values()) if (underWay === 0) return;
    this.#calm();
    this.#calm = null;
  }

  #answered(use: Use): void {
    const { socket } = use;
    use.underWay -= 1;
    if (use.underWay > 0 || !this.#open.delete(socket)) return;
    // Last in the row: its idle time begins now.
    use.idleSinceMs = this.#clock.monotonicMs();
    this.#open.set(socket, use);
    // What was written still goes out.
    if (this.#leaving) socket.destroySoon();
  }

  /** Closes what was idle for longest, as many as it takes for one more. */
  #makeRoom(): void {
    let tooMany = this.#open.size + 1 - this.#max;
    if (tooMany <= 0) return;
    const nowMs = this.#clock.monotonicMs();
    for (const { socket, underWay, idleSinceMs } of this.#open.values()) {
      if (tooMany <= 0) return;
      if (underWay > 0 || nowMs - idleSinceMs < freshMs) continue;
      this.#open.delete(socket);
      socket.destroy();
      tooMany -= 1;
    }
  }
}
