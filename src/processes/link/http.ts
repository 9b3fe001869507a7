import type { Agent, IncomingMessage } from "node:http";
import { deadlineHeader } from "../../contract/index.ts";
import type { Clock } from "../../system/index.ts";
import { once } from "../lazy.ts";

const loadHttp = once(() => import("node:http"));

/** What became of a request. Only `answer` tells that the keeper has taken it. */
export type Outcome =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  /** Nobody listens: it was never received. */
  | { readonly kind: "unreachable"; readonly why: string }
  /** The connection broke before the answer: it may have been received. */
  | { readonly kind: "broken"; readonly why: string }
  /** Connected, and no answer in time. */
  | { readonly kind: "silent" };

export type HttpRequest = {
  readonly socket: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** True: the request gets a connection of its own, because it may take long or must not wait behind others that do. */
  readonly apart?: boolean;
};

/** Answers larger than this come from no keeper. */
const answerBytesMax = 16 * 1024 * 1024;
/** Connections kept to one keeper. More would not start processes faster: the keeper spawns one after the other. */
const connectionsMax = 16;

/** HTTP over unix sockets, with connections kept for the next request. Node's module is loaded with the first one: it costs a third of `herma ps`. */
export class HttpClient {
  readonly #clock: Clock;
  #agent: Agent | null = null;
  #closed = false;

  readonly #headers: Readonly<Record<string, string>>;

  /** `clientName` goes along as user agent. */
  constructor(clock: Clock, clientName: string) {
    this.#clock = clock;
    // A header takes no more than this.
    this.#headers = { "user-agent": `herma-${clientName.replaceAll(/[^ -~]/g, "?")}` };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends and waits. When `answerMsMax` passes without an answer, `stillAlive` is asked; while it says yes the wait goes on, since some
   * requests take long (a kill, the first login shell). A request that the keeper has not begun with when the wait ends is not carried out.
   */
  async send(request: HttpRequest, answerMsMax: number, stillAlive: () => Promise<boolean>): Promise<Outcome> {
    const http = await loadHttp();
    if (this.#closed) return { kind: "unreachable", why: "closed" };
    this.#agent ??= new http.Agent({ keepAlive: true, maxSockets: connectionsMax });
    const agent = this.#agent;
    const text = request.body === undefined ? undefined : JSON.stringify(request.body);
    return new Promise<Outcome>((resolve) => {
      const finish = (outcome: Outcome): void => {
        timer.cancel();
        resolve(outcome);
      };
      const outgoing = http.request(
        {
          socketPath: request.socket,
          method: request.method,
          path: request.path,
          agent: request.apart === true ? false : agent,
          headers:
            text === undefined
              ? this.#headers
              : { ...this.#headers, "content-type": "application/json", "content-length": Buffer.byteLength(text) },
        },
        (response) => readAnswer(response, finish),
      );
      let timer = this.#clock.after(answerMsMax, onLate);
      // It may have to wait for a connection first, and its time begins when it is sent.
      outgoing.once("socket", () => {
        if (request.method === "POST") outgoing.setHeader(deadlineHeader, Math.ceil(this.#clock.wallMs() + answerMsMax));
        outgoing.end(text);
      });
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const why = error.code ?? error.message;
        const never = why === "ENOENT" || why === "ECONNREFUSED";
        finish({ kind: never ? "unreachable" : "broken", why });
      });
      const clock = this.#clock;
      function onLate(): void {
        stillAlive().then(
          (alive) => {
            if (alive) {
              timer = clock.after(answerMsMax, onLate);
              return;
            }
            finish({ kind: "silent" });
            outgoing.destroy();
          },
          () => {
            finish({ kind: "silent" });
            outgoing.destroy();
          },
        );
      }
    });
  }

  /** Opens a stream, which only the returned function ends from our side. `ended` is called once, whatever ends it. */
  stream(request: HttpRequest, handler: { bytes(chunk: Buffer): void; ended(why: string): void }): () => void {
    let open = true;
    let close = (): void => {};
    const end = (why: string): void => {
      if (!open) return;
      open = false;
      close();
      handler.ended(why);
    };
    import("node:http").then(
      (http) => {
        if (!open) return;
        const outgoing = http.request(
          { socketPath: request.socket, method: request.method, path: request.path, agent: false, headers: this.#headers },
          (response) => {
            if (response.statusCode !== 200) return end(`status ${response.statusCode}`);
            response.on("data", (chunk: Buffer) => {
              if (open) handler.bytes(chunk);
            });
            response.on("close", () => end("closed"));
            response.on("error", (error) => end(error.message));
          },
        );
        close = () => outgoing.destroy();
        outgoing.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
        outgoing.end();
      },
      (error: unknown) => end(String(error)),
    );
    return () => {
      open = false;
      close();
    };
  }

  close(): void {
    this.#closed = true;
    this.#agent?.destroy();
    this.#agent = null;
  }
}

function readAnswer(response: IncomingMessage, finish: (outcome: Outcome) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > answerBytesMax) response.destroy(new Error("the answer is too large"));
    else chunks.push(chunk);
  });
  response.on("end", () => {
    try {
      const text = Buffer.concat(chunks).toString("utf8");
      finish({ kind: "answer", status: response.statusCode ?? 0, body: text === "" ? {} : JSON.parse(text) });
    } catch {
      finish({ kind: "answer", status: 0, body: null });
    }
  });
  response.on("error", (error) => finish({ kind: "broken", why: error.message }));
  response.on("aborted", () => finish({ kind: "broken", why: "aborted" }));
}
