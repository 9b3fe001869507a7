import { KeeperEvent } from "../../contract/index.ts";
import type { HttpClient } from "./http.ts";

/** One event larger than this comes from no keeper. */
const eventBytesMax = 1024 * 1024;

export type EventStreamHandler = {
  signal(event: KeeperEvent): void;
  /** Called once, unless it was closed by us. */
  ended(): void;
};

/** One keeper's event stream, from its opening to its end; it is not opened again. */
export class EventStream {
  readonly #handler: EventStreamHandler;
  #open = false;
  #over = false;
  #disconnect: () => void = () => {};

  constructor(http: HttpClient, socket: string, handler: EventStreamHandler) {
    this.#handler = handler;
    this.#connect(http, socket).catch(() => this.#end());
  }

  /** True from the keeper's hello on: what happens from then on is told. */
  get open(): boolean {
    return this.#open;
  }

  close(): void {
    this.#over = true;
    this.#open = false;
    this.#disconnect();
  }

  async #connect(http: HttpClient, socket: string): Promise<void> {
    const { createParser } = await import("eventsource-parser");
    if (this.#over) return;
    const decoder = new TextDecoder();
    const parser = createParser({
      maxBufferSize: eventBytesMax,
      onEvent: (message) => this.#hear(parseEvent(message.event, message.data)),
    });
    const bytes = (chunk: Buffer): void => {
      try {
        parser.feed(decoder.decode(chunk, { stream: true }));
      } catch {
        // An event beyond the limit: nothing of this stream can be trusted any more.
        this.#disconnect();
        this.#end();
      }
    };
    this.#disconnect = http.stream({ socket, method: "GET", path: "/v1/events" }, { bytes, ended: () => this.#end() });
  }

  #hear(event: KeeperEvent | null): void {
    if (event === null || this.#over) return;
    if (event.type === "hello") this.#open = true;
    this.#handler.signal(event);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#open = false;
    this.#handler.ended();
  }
}

/** An event of a later version that is not known here tells nothing, and is no error. */
function parseEvent(type: string | undefined, data: string): KeeperEvent | null {
  try {
    const parsed = KeeperEvent.safeParse({ ...JSON.parse(data), type });
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
