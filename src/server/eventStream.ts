import type { Clock, Timer } from "../system/index.ts";
import type { FactHub, NumberedFact } from "./factHub.ts";

/** A comment is sent this often, so that a dead connection is noticed on both sides. */
export const heartbeatMs = 15_000;
/** Bytes that may wait for a slow client before it is sent away. */
export const waitingBytesMax = 262_144;
/** What a browser waits before it connects again. */
const reconnectMs = 2_000;

export type EventStreamOptions = {
  readonly hub: FactHub;
  readonly clock: Pick<Clock, "after">;
  /** The client's Last-Event-ID, if it had one. */
  readonly lastEventId: string | undefined;
  /** Told with the first event. */
  readonly hello: Record<string, unknown>;
  /** Ends the stream with a goodbye. */
  readonly stopping: AbortSignal;
};

/**
 * Server-sent events: `hello` first (or `reset`, when what the client missed is not known any more: it must list anew), then each fact under its
 * type with its number as `id`. `goodbye` says why the stream ends: `slow` or `stopping`.
 */
export function eventStream(options: EventStreamOptions): Response {
  const stream = new OneStream(options);
  // Its chunks count in bytes, so that "too slow" means the same for one long event and many short ones.
  const body = new ReadableStream<Uint8Array>(
    { start: (controller) => stream.start(controller), cancel: () => stream.cancel() },
    new ByteLengthQueuingStrategy({ highWaterMark: waitingBytesMax }),
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" } });
}

class OneStream {
  readonly #options: EventStreamOptions;
  readonly #encoder = new TextEncoder();
  readonly #stop = () => this.#goodbye("stopping");
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #unsubscribe: () => void = () => {};
  #timer: Timer | null = null;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { hub, lastEventId, hello, stopping } = this.#options;
    this.#controller = controller;
    const missed = lastEventId === undefined ? [] : /^\d{1,16}$/.test(lastEventId) ? hub.since(Number(lastEventId)) : null;
    this.#send(`retry: ${reconnectMs}\n\n`);
    if (missed === null) this.#event("reset", { ...hello, reason: "what was missed is not known any more; list anew" }, hub.last);
    // It has the client's own number: with the newest one, a connection cut right here would skip what is still to be replayed.
    else this.#event("hello", hello, missed.length > 0 ? Number(lastEventId) : hub.last);
    for (const fact of missed ?? []) this.#fact(fact);
    this.#unsubscribe = hub.subscribe((fact) => this.#fact(fact));
    stopping.addEventListener("abort", this.#stop, { once: true });
    if (stopping.aborted) this.#stop();
    else this.#beatLater();
  }

  cancel(): void {
    this.#end();
  }

  #fact({ id, fact }: NumberedFact): void {
    this.#event(fact.type, fact, id);
  }

  #event(type: string, data: unknown, id: number): void {
    this.#send(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #send(text: string): void {
    const controller = this.#controller;
    if (controller === null) return;
    const bytes = this.#encoder.encode(text);
    if ((controller.desiredSize ?? 0) < bytes.length) this.#goodbye("slow");
    else controller.enqueue(bytes);
  }

  /** The client finds the reason behind all that waits for it, if it reads that far. */
  #goodbye(reason: "slow" | "stopping"): void {
    const controller = this.#controller;
    if (controller === null) return;
    this.#end();
    controller.enqueue(this.#encoder.encode(`event: goodbye\ndata: ${JSON.stringify({ reason })}\n\n`));
    controller.close();
  }

  #end(): void {
    this.#controller = null;
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#options.stopping.removeEventListener("abort", this.#stop);
  }

  #beatLater(): void {
    this.#timer = this.#options.clock.after(heartbeatMs, () => {
      this.#send(": alive\n\n");
      if (this.#controller !== null) this.#beatLater();
    });
  }
}
