import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { type ProcessFact, type ProcessId, processIdPattern } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import type { Clock, Timer } from "../../system/index.ts";

type Tell = { updated(uri: string): Promise<void>; listChanged(): Promise<void> };

const listedMax = 200;
/** Of one process's output in one read; of more its head and tail are given. */
const readBytesMax = 262_144;
/** A process that prints all the time is told at most this often. */
const tellMs = 250;
const subscriptionsMax = 256;
const uriPattern = /^herma:\/\/processes\/([^/]+)\/output$/;

/** Output of processes as resources `herma://processes/<id>/output`. */
export class McpResources {
  readonly #registry: Registry;
  readonly #clock: Pick<Clock, "after">;
  readonly #tell: Tell;
  readonly #subscribed = new Map<ProcessId, string>();
  /** Told a moment ago; true: something has come since. */
  readonly #quiet = new Map<string, { readonly timer: Timer; again: boolean }>();
  #unsubscribe: (() => void) | null = null;
  #closed = false;

  constructor(registry: Registry, clock: Pick<Clock, "after">, tell: Tell) {
    this.#registry = registry;
    this.#clock = clock;
    this.#tell = tell;
  }

  list(): { uri: string; name: string; title: string; description: string; mimeType: string }[] {
    this.#listen();
    return this.#registry
      .list({ all: true })
      .slice(0, listedMax)
      .map((view) => ({
        uri: uriOf(view.id),
        name: view.name ?? view.id,
        title: (typeof view.command === "string" ? view.command : view.command.join(" ")).slice(0, 100),
        description: `${view.phase}, ${view.output.end} bytes of output`,
        mimeType: "text/plain",
      }));
  }

  templates(): { uriTemplate: string; name: string; description: string; mimeType: string }[] {
    const description = "What a process has printed, as plain text; id may be its beginning or a name.";
    return [{ uriTemplate: "herma://processes/{id}/output", name: "output", description, mimeType: "text/plain" }];
  }

  read(uri: string): { uri: string; mimeType: string; text: string } {
    const { text } = this.#registry.read(this.#idOf(uri), { view: "headTail", since: "start", maxBytes: readBytesMax });
    return { uri, mimeType: "text/plain", text };
  }

  subscribe(uri: string): void {
    const id = this.#idOf(uri);
    if (this.#subscribed.size >= subscriptionsMax)
      throw new McpError(ErrorCode.InvalidRequest, `more than ${subscriptionsMax} subscriptions`);
    this.#subscribed.set(id, uri);
    this.#listen();
  }

  unsubscribe(uri: string): void {
    for (const [id, own] of this.#subscribed) if (own === uri) this.#subscribed.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe?.();
    for (const { timer } of this.#quiet.values()) timer.cancel();
    this.#quiet.clear();
  }

  #idOf(uri: string): ProcessId {
    const reference = uriPattern.exec(uri)?.[1];
    if (reference === undefined) throw new McpError(ErrorCode.InvalidParams, `${uri.slice(0, 100)} is no herma://processes/<id>/output`);
    try {
      const id = decodeURIComponent(reference);
      return processIdPattern.test(id) ? this.#registry.get(id).id : this.#registry.resolve(id);
    } catch (error) {
      throw new McpError(ErrorCode.InvalidParams, error instanceof Error ? error.message : String(error));
    }
  }

  /** Nothing is listened to for clients that use no resources. */
  #listen(): void {
    if (this.#closed) return;
    this.#unsubscribe ??= this.#registry.onFact((fact) => this.#hear(fact));
  }

  #hear(fact: ProcessFact): void {
    if (fact.type === "process.started" || fact.type === "process.ended") this.#say("list", () => this.#tell.listChanged());
    const uri = fact.id === null ? undefined : this.#subscribed.get(fact.id);
    if (uri !== undefined && (fact.type === "process.output" || fact.type === "process.ended"))
      this.#say(uri, () => this.#tell.updated(uri));
  }

  /** At once, then not again for a while, but once more when something came in that while. */
  #say(about: string, tell: () => Promise<void>): void {
    const quiet = this.#quiet.get(about);
    if (quiet !== undefined) {
      quiet.again = true;
      return;
    }
    const timer = this.#clock.after(tellMs, () => {
      const { again } = this.#quiet.get(about) ?? { again: false };
      this.#quiet.delete(about);
      if (again) this.#say(about, tell);
    });
    this.#quiet.set(about, { timer, again: false });
    // A client that has gone is noticed by its connection.
    tell().catch(() => {});
  }
}

function uriOf(id: ProcessId): string {
  return `herma://processes/${id}/output`;
}
