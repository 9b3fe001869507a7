import { HermaError, KeeperHello, keeperProtocol, version } from "../../contract/index.ts";
import type { System } from "../../system/index.ts";
import type { RegistryConfig } from "../types.ts";
import { checkSocketFolder, type Found, findKeeper, findSocket, holderIsGone } from "./find.ts";
import type { Hello } from "./hello.ts";
import { HttpClient, type HttpRequest, type Outcome } from "./http.ts";
import { answeredError, silent } from "./refusals.ts";

/** The generation of the keepers that this build starts: protocol and build. */
export const ownGeneration = `v${keeperProtocol}-${version}`;

export type KeepersOptions = {
  readonly home: string;
  readonly system: System;
  readonly clientName: string;
  readonly settings: RegistryConfig;
  readonly keeperCommand: readonly string[] | undefined;
};

/** The keepers of a home as a client sees them: found by their files, judged by their answers, started when there is none. */
export class Keepers {
  readonly http: HttpClient;
  readonly #options: KeepersOptions;
  #ensuring: Promise<{ started: boolean }> | null = null;

  constructor(options: KeepersOptions) {
    this.#options = options;
    this.http = new HttpClient(options.system.clock, options.clientName);
  }

  find(generation: string): Found {
    return findKeeper(this.#options.system, this.#options.home, generation);
  }

  /** As the socket of {@link find}, quicker. */
  socketOf(generation: string): string {
    return findSocket(this.#options.system.files, this.#options.home, generation);
  }

  /** Whoever wrote its name into the lock last has provably ended. False where that cannot be told. */
  holderIsGone(generation: string): boolean {
    return holderIsGone(this.#options.system, this.#options.home, generation);
  }

  /** Asks the keeper at this socket who it is. Only an answer in time counts, not that it can be connected to or that its pid lives. */
  async hello(socket: string, answerMsMax: number = this.#options.settings.answerMsMax): Promise<Hello> {
    const outcome = await this.#send({ socket, method: "GET", path: "/v1/hello", apart: true }, answerMsMax, () => Promise.resolve(false));
    if (outcome.kind === "silent") return { kind: "silent" };
    if (outcome.kind !== "answer") return { kind: "unreachable" };
    const parsed = outcome.status === 200 ? KeeperHello.safeParse(outcome.body) : null;
    return parsed?.success ? { kind: "answer", hello: parsed.data } : { kind: "foreign" };
  }

  /** Sends to one keeper; a late answer is waited for as long as the keeper still says hello. */
  send(request: HttpRequest): Promise<Outcome> {
    const { answerMsMax } = this.#options.settings;
    return this.#send(request, answerMsMax, async () => (await this.hello(request.socket)).kind === "answer");
  }

  async #send(request: HttpRequest, answerMsMax: number, stillAlive: () => Promise<boolean>): Promise<Outcome> {
    this.demandOpen();
    checkSocketFolder(this.#options.system.files, this.#options.home, request.socket);
    return this.http.send(request, answerMsMax, stillAlive);
  }

  /**
   * Makes sure that a keeper of our generation answers. `started` tells whether it came up just now (then it has adopted what dead ones left).
   * Throws KEEPER_SILENT when one holds the lock and gives no answer, KEEPER_UNAVAILABLE when none could be started.
   */
  ensure(): Promise<{ started: boolean }> {
    this.#ensuring ??= this.#ensure().finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async #ensure(): Promise<{ started: boolean }> {
    const { startKeeper } = await import("./startKeeper.ts");
    this.demandOpen();
    return startKeeper({ ...this.#options, generation: ownGeneration, keepers: this });
  }

  /** Throws BAD_REQUEST once the registry is closed: nothing reaches a keeper from here any more, and none is started for it. */
  demandOpen(): void {
    if (this.http.closed) throw new HermaError("BAD_REQUEST", "this registry was closed", { hint: "Open another one with openRegistry." });
  }

  /** As {@link ensure}, and has what dead keepers left taken over. */
  async ensureAdoption(): Promise<void> {
    const { started } = await this.ensure();
    if (started) return;
    const socket = this.socketOf(ownGeneration);
    const outcome = await this.send({ socket, method: "POST", path: "/v1/adopt", body: {} });
    if (outcome.kind === "answer" && outcome.status < 400) return;
    if (outcome.kind === "answer") throw answeredError(outcome);
    if (outcome.kind === "silent") throw silent(ownGeneration);
    // It left between our two requests; the next one adopts when it starts.
    await this.ensure();
  }
}
