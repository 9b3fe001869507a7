import { homePaths, timestampOf } from "../../src/contract/index.ts";
import { type GatewayParts, type Log, type Program, runGateway, type Work } from "../../src/gateway/index.ts";
import { drainEpoch } from "../../src/lifecycle/index.ts";
import type { Registry } from "../../src/processes/index.ts";
import { type DiskFault, FakeCrash, FakeMachine, type FakeSystem, fakeProgram } from "../../src/system/fake/index.ts";

const home = "/home/ada/.herma";
const actsPerDay = 24;
const hourMs = 3_600_000;
const faults: readonly DiskFault[] = ["crash", "crash", "tear", "ENOSPC", "EIO"];
const faultsWithin = 12;
const principals = ["owner", "updater", "drain-control"] as const;
const outsiders = ["nas", "external"] as const;
/** Longer than the fallback of the watch: by then a gateway has seen whatever stands. */
const settleMs = 1_100;
/** A state that could not be written is written again with the next heartbeat. */
const heartbeatMs = 31_000;

export type DrainPassed = { deaths: number; begins: number; cancels: number; markers: number; drained: number; refused: number };

type Gateway = {
  readonly system: FakeSystem;
  readonly parts: GatewayParts;
  readonly signal: (name: string) => void;
  readonly ended: () => boolean;
};

/**
 * One day of a home on which controllers come and go, ours over the gateway and others by writing the marker, while gateways die at changes of the
 * disk, are stopped and started, and the machine is rebooted. What was promised and what may be is kept beside it, and compared whenever a
 * gateway is up and quiet.
 */
export class DrainStorm {
  readonly passed: DrainPassed = { deaths: 0, begins: 0, cancels: 0, markers: 0, drained: 0, refused: 0 };
  readonly #seed: number;
  readonly #random: () => number;
  readonly #machine: FakeMachine;
  /** Leases that were confirmed and not touched since, to their end on the wall clock. */
  readonly #must = new Map<string, number>();
  /** Leases that somebody once asked for, and their latest possible end. */
  readonly #may = new Map<string, number>();
  #gateway: Gateway | null = null;
  #outside: FakeSystem;
  #running: (() => void)[] = [];
  /** The last count behind a closed gate. */
  #behindGate: number | null = null;
  #writesFailed = false;
  #did: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
    this.#machine = new FakeMachine({ seed });
    this.#outside = fakeProgram(this.#machine, "outside");
    this.#outside.files.makeFolder(home);
  }

  async run(): Promise<DrainPassed> {
    try {
      for (let act = 0; act < actsPerDay; act += 1) {
        if (this.#chance(0.3)) this.#arm(this.#one(faults));
        await this.#act();
        await this.#machine.time.advance(this.#one([0, 1, 30, 700]));
        this.#countOnlyFalls();
        if (this.#chance(0.5)) await this.#compare();
      }
      await this.#compare();
      await this.#stop();
      return this.passed;
    } catch (error) {
      throw new Error(`day ${this.#seed}: ${error instanceof Error ? error.message : String(error)}\n  ${this.#did.join("\n  ")}`, {
        cause: error,
      });
    }
  }

  #arm(fault: DiskFault): void {
    this.#machine.disk.failAt(1 + this.#below(faultsWithin), fault);
    if (fault === "ENOSPC" || fault === "EIO") this.#writesFailed = true;
  }

  async #act(): Promise<void> {
    const acts: readonly (readonly [number, string, () => Promise<void> | void])[] = [
      [5, "begin", () => this.#begin()],
      [4, "cancel", () => this.#cancel()],
      [5, "marker", () => this.#writeMarker()],
      [2, "unlink", () => this.#unlink()],
      [6, "work", () => this.#work()],
      [2, "kill", () => this.#kill()],
      [2, "stop", () => this.#stop()],
      [1, "reboot", () => this.#reboot()],
      [3, "pass", () => this.#machine.time.advance(this.#one([5_000, 20_000, 40_000]))],
      [0.15, "hour", () => this.#machine.time.advance(hourMs)],
    ];
    let at = this.#random() * acts.reduce((sum, [weight]) => sum + weight, 0);
    const chosen = acts.findIndex(([weight]) => {
      at -= weight;
      return at < 0;
    });
    const [, name, act] = acts[chosen] ?? acts[0]!;
    this.#did.push(`${this.#machine.time.nowMs} ${name}`);
    await act();
  }

  async #begin(): Promise<void> {
    const gateway = await this.#up();
    if (gateway === null) return;
    const principal = this.#one(principals);
    const ttlMs = this.#one([2_000, 15_000, 60_000, hourMs]);
    const endMs = this.#wallMs + ttlMs;
    this.#asked(principal, endMs);
    // Asked for again, if only half, it may last as long as was asked for now.
    const before = this.#must.get(principal);
    if (before !== undefined) this.#must.set(principal, Math.min(before, endMs));
    try {
      gateway.parts.drain.begin({ principal, ttlMs });
      this.passed.begins += 1;
      this.#must.set(principal, endMs);
      const status = gateway.parts.drain.status();
      demand(status.observed, "a confirmed drain is observed");
      demand(this.#outside.files.stat(homePaths(home).drainMarker) !== null, "a confirmed drain has its marker");
    } catch (error) {
      demandFault(error);
    }
  }

  async #cancel(): Promise<void> {
    const gateway = await this.#up();
    if (gateway === null) return;
    const all = this.#chance(0.2);
    const principal = this.#one([...principals, ...outsiders]);
    for (const each of all ? [...this.#must.keys()] : [principal]) this.#must.delete(each);
    try {
      gateway.parts.drain.cancel(all ? null : principal);
      this.passed.cancels += 1;
      // What it saw of markers came before; those that come later are asked for anew.
      if (all) this.#may.clear();
      else this.#may.delete(principal);
    } catch (error) {
      demandFault(error);
    }
  }

  /** As another program does, which knows neither leases nor our lock; now and then not even how to replace a file. */
  #writeMarker(): void {
    const epoch = drainEpoch(this.#outside);
    const old = timestampOf(this.#wallMs - 2 * hourMs);
    const fresh = timestampOf(this.#wallMs);
    const nas = { action: "drain", principal: "nas", requested_at: fresh };
    const texts: readonly (readonly [string, (typeof outsiders)[number] | null])[] = [
      [JSON.stringify(nas), "nas"],
      [JSON.stringify({ ...nas, epoch }), "nas"],
      [JSON.stringify({ ...nas, epoch: "another:1" }), null],
      [JSON.stringify({ ...nas, requested_at: old }), null],
      [JSON.stringify({ action: "drain" }), "external"],
      ["{", "external"],
      ["", "external"],
    ];
    const [text, principal] = this.#one(texts);
    this.#did.push(`  ${text}`);
    if (principal !== null) this.#asked(principal, this.#wallMs + hourMs);
    this.#alone(() => {
      this.#outside.files.replace(homePaths(home).drainMarker, text, { durable: false });
      this.passed.markers += 1;
    });
  }

  async #unlink(): Promise<void> {
    let removed = false;
    this.#must.clear();
    this.#alone(() => {
      removed = this.#outside.files.remove(homePaths(home).drainMarker);
    });
    const gateway = this.#gateway;
    await this.#machine.time.advance(settleMs);
    if (removed && gateway !== null && gateway === this.#gateway && !gateway.system.program.dead && !gateway.ended()) this.#may.clear();
  }

  async #work(): Promise<void> {
    if (this.#chance(0.4)) {
      this.#running.splice(this.#below(this.#running.length), 1)[0]?.();
      return;
    }
    const gateway = await this.#up();
    if (gateway === null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const closed = (gateway.parts.work as Work).closedFor !== null;
    let refused = false;
    gateway.parts.work
      .run("api", (cut) => {
        cut.addEventListener("abort", () => resolve());
        this.#running.push(resolve);
        return promise;
      })
      .catch(() => {
        refused = true;
      });
    await Promise.resolve();
    await Promise.resolve();
    demand(refused === closed, `work is refused exactly behind a closed gate (refused ${refused}, closed ${closed})`);
    if (refused) this.passed.refused += 1;
  }

  #kill(): void {
    this.#gateway?.system.program.kill();
    this.#forget();
  }

  async #stop(): Promise<void> {
    const gateway = this.#gateway;
    if (gateway === null || gateway.system.program.dead) {
      this.#forget();
      return;
    }
    gateway.signal("SIGTERM");
    await this.#machine.time.advance(70_000);
    demand(gateway.ended() || gateway.system.program.dead, "a stop comes to its end");
    if (!gateway.system.program.dead) gateway.system.program.kill();
    this.#forget();
  }

  #reboot(): void {
    this.#machine.reboot();
    this.#outside = fakeProgram(this.#machine, "outside");
    this.#must.clear();
    // A marker without an epoch may have stood, and counts by its age.
    for (const principal of principals) this.#may.delete(principal);
    this.#forget();
  }

  /** The gateway that runs, or a new one; null when it died on the way up. */
  async #up(): Promise<Gateway | null> {
    if (this.#gateway !== null && !this.#gateway.system.program.dead && !this.#gateway.ended()) return this.#gateway;
    this.#forget();
    const system = fakeProgram(this.#machine, "hermes-gateway");
    let parts: GatewayParts | null = null;
    let heard: (name: string) => void = () => {};
    let ready = false;
    let ended = false;
    const program: Program = {
      ...quietProgram,
      onSignals: (_names, listener) => {
        heard = listener;
        return () => {};
      },
    };
    const end = runGateway({
      home,
      system,
      program,
      log: quietLog,
      version: "0.0.0",
      argv: [],
      openRegistry: () => quietRegistry,
      listen: async (given) => {
        parts = given;
        return { address: "http://127.0.0.1:1", close: async () => {} };
      },
      onReady: () => {
        ready = true;
      },
    });
    const over = (how: unknown): void => {
      ended = true;
      if (!ready) this.#did.push(`  not up: ${String(how)}`);
    };
    end.then(over, over);
    for (let waitedMs = 0; !ready && !ended && !system.program.dead && waitedMs < 20_000; waitedMs += 50)
      await this.#machine.time.advance(50);
    if (!ready || parts === null || system.program.dead) {
      // Whoever runs a gateway ends with it.
      if (!system.program.dead) system.program.kill();
      return null;
    }
    this.#gateway = { system, parts, signal: (name) => heard(name), ended: () => ended };
    ((parts as GatewayParts).work as Work).onChange(() => this.#countOnlyFalls());
    return this.#gateway;
  }

  /** With a disk that works and a gateway that has looked: everything stands as it was promised. */
  async #compare(): Promise<void> {
    this.#calm();
    const gateway = await this.#up();
    demand(gateway !== null, "a gateway starts on whatever was left");
    if (gateway === null) return;
    await this.#machine.time.advance(this.#writesFailed ? heartbeatMs : settleMs);
    this.#writesFailed = false;
    const status = gateway.parts.drain.status();
    const held = new Set(status.leases.map(({ principal }) => principal));
    for (const [principal, endMs] of this.#must)
      if (endMs > this.#wallMs) demand(held.has(principal), `${principal} still holds what it was promised`);
    for (const principal of held)
      demand((this.#may.get(principal) ?? 0) > this.#wallMs, `nobody asked for what ${principal} holds, or it is over`);
    demand(status.draining === held.size > 0 && status.observed === status.draining, "draining, observed and leases agree");
    const counts = Object.values(status.active).reduce((sum, count) => sum + count, 0);
    demand(status.drained === (status.draining && counts === 0), "drained means: nothing runs");
    if (status.drained) this.passed.drained += 1;
    const state = this.#json(homePaths(home).gatewayState);
    demand(state?.phase === (status.draining ? "draining" : "running"), `the state file says ${String(state?.phase)}`);
    demand(state?.drain_reason === (status.draining ? "external" : null), "the state file has the reason");
    demand(state?.active_agents === counts, `the state file says ${String(state?.active_agents)} of ${counts}`);
    const marker = this.#json(homePaths(home).drainMarker);
    const stands = this.#outside.files.stat(homePaths(home).drainMarker) !== null;
    const foreign = typeof marker?.epoch === "string" && marker.epoch !== "" && marker.epoch !== drainEpoch(this.#outside);
    demand(
      (stands && !foreign === status.draining) || (!stands && !status.draining) || (foreign && !status.draining),
      "the marker says what is",
    );
    if (typeof marker?.revision === "number" && !foreign) demand(marker.principal === [...held].join(", "), "the marker names who asks");
    const book = this.#json(homePaths(home).drainLeases) as { leases?: { principal: string }[] } | null;
    demand((book?.leases ?? []).map(({ principal }) => principal).join() === [...held].join(), "the leases on disk are those in force");
  }

  #countOnlyFalls(): void {
    const work = this.#gateway?.parts.work as Work | undefined;
    if (work === undefined || work.closedFor === null) {
      this.#behindGate = null;
      return;
    }
    demand(this.#behindGate === null || work.active <= this.#behindGate, "behind a closed gate the count only falls");
    this.#behindGate = work.active;
  }

  #asked(principal: string, endMs: number): void {
    this.#may.set(principal, Math.max(endMs, this.#may.get(principal) ?? 0));
  }

  #forget(): void {
    if (this.#gateway?.system.program.dead) this.passed.deaths += 1;
    this.#gateway = null;
    this.#running = [];
    this.#behindGate = null;
  }

  /** Lets the faults that are still to come hit somebody else. */
  #calm(): void {
    for (let change = 0; change < faultsWithin; change += 1)
      this.#alone(() => this.#outside.files.makeFolder(`/junk/${this.#machine.disk.steps}`));
  }

  /** Something the other program does; it may die of it, and the next one of its kind goes on. */
  #alone(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof FakeCrash) this.#outside = fakeProgram(this.#machine, "outside");
      else demandFault(error);
    }
  }

  #json(path: string): Record<string, unknown> | null {
    try {
      return JSON.parse(this.#outside.files.read(path)?.toString() ?? "null") as Record<string, unknown> | null;
    } catch {
      return null;
    }
  }

  get #wallMs(): number {
    return this.#machine.time.nowMs + this.#machine.time.wallOffsetMs;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }
}

const quietLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, setLevel: () => {}, flush: async () => {} };
const quietProgram: Program = {
  setTitle: () => {},
  onSignals: () => () => {},
  onUncaught: () => () => {},
  onExit: () => () => {},
  privately: (make) => make(),
  commandLine: ["herma"],
  starter: ["herma"],
  words: [],
  userId: null,
  parentPid: 1,
  folder: "/",
  variables: {},
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  outputFile: () => null,
};
const quietRegistry = {
  recover: async () => 0,
  prune: async () => [],
  checkpoint: { start: async () => [], stop: async () => {} },
  watching: { start: async () => {}, isEvaluator: true, stop: async () => {} },
  [Symbol.asyncDispose]: async () => {},
} as unknown as Registry;

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

/** A disk that fails and a program that dies are the weather; anything else is a bug. */
function demandFault(error: unknown): void {
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof FakeCrash) && code !== "IO" && code !== "DISK_FULL") throw error;
}

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
