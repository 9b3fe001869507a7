import { join } from "node:path";
import {
  type ExitFile,
  type Notice,
  type ProcessFact,
  type ProcessId,
  processPaths,
  type SpecFile,
  WakePolicy,
  type WatchRule,
} from "../../src/contract/index.ts";
import type { Context } from "../../src/processes/context.ts";
import { writeInterest } from "../../src/processes/interest.ts";
import { endKnown } from "../../src/processes/notices.ts";
import { shownBy } from "../../src/processes/shown.ts";
import { exitOf, idOf, specOf, stateOf } from "../../src/processes/testing/records.ts";
import { Desk } from "../../src/processes/watching/desk.ts";
import { ProcessScan } from "../../src/processes/watching/scan.ts";
import { breakerDueMs, createRedactor, segmentName } from "../../src/rules/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { type FakeSystem, fakeSystem } from "../../src/system/fake/index.ts";
import { fits, verifyWakes } from "./wakesVerifier.ts";

/** The program dies here: what it had in memory is gone, what was committed is not. */
class Death extends Error {}

/** One process of the storm: what it will print, and what is asked of it. */
export type Played = {
  readonly id: ProcessId;
  readonly session: string;
  readonly rules: readonly WatchRule[];
  readonly notify: boolean;
  /** All it prints, and what comes behind its settled end. */
  readonly text: string;
  readonly late: string;
  printed: number;
  ended: boolean;
  /** Its open line was looked at when it held something that a rule fits: it may have counted for another rule than it would as a whole. */
  wasOpen: boolean;
};

/** What became of everything, for the verifier. */
export type Outcome = {
  readonly played: readonly Played[];
  readonly store: Store;
  /** Ids of notices that a turn has durably, in order; one in here twice was told twice. */
  readonly turns: readonly string[];
  /** Processes whose end was waited for or read. */
  readonly known: ReadonlySet<ProcessId>;
  /** Notices of ends that came into a turn after that was on record. */
  readonly stale: readonly string[];
  readonly at: string;
};

export type StormPassed = { readonly deaths: number; readonly notices: number; readonly turns: number; readonly trips: number };

const home = "/home";
const words = ["ready on 80", "ERROR", "warn: ", "done", "....", "\u001b[31mERROR\u001b[0m", "ü"] as const;

/**
 * Evaluator, mailroom and readers over one home, all of which die again and again: at any transaction (before it is committed, or right
 * after), and between any two steps. The clock jumps on, output comes in pieces of any size.
 */
export class WakesStorm {
  readonly #random: () => number;
  readonly #seed: number;
  readonly #system: FakeSystem;
  readonly #store: Store;
  readonly #context: Context;
  readonly #played: Played[] = [];
  readonly #turns: { readonly id: string; readonly claimant: string }[] = [];
  readonly #known = new Set<ProcessId>();
  /** Those of whom it is on record. */
  readonly #surelyKnown = new Set<ProcessId>();
  readonly #stale: string[] = [];
  /** Claims of mailrooms that were only slow: they try to deliver long after others have taken over. */
  #ghosts: { readonly id: string; readonly claimant: string }[] = [];
  #desk: Desk;
  #scans = new Map<ProcessId, ProcessScan>();
  #claimed: Notice[] = [];
  #claimant = 0;
  #deaths = 0;
  #calm = false;
  #facts: ProcessFact[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
    this.#system = fakeSystem({ seed });
    this.#store = mortal(openStore({ home, system: this.#system, path: ":memory:" }), () => this.#dies());
    this.#context = {
      home,
      system: this.#system,
      shown: shownBy(createRedactor({ enabled: true })),
      store: { open: () => this.#store, ifThere: () => this.#store, close: () => {} },
      tell: (fact: ProcessFact) => this.#facts.push(fact),
    } as unknown as Context;
    this.#desk = new Desk(this.#context, this.#store, "g0");
    const count = this.#below(10) === 0 ? 18 : 1 + this.#below(3);
    for (let number = 1; number <= count; number += 1) this.#play(number);
  }

  run(): StormPassed {
    const steps = 40 + this.#played.length * 12;
    for (let step = 0; step < steps; step += 1) {
      if (this.#played.length > 10 && step % 60 === 30) this.#burst();
      this.#mortally(() => this.#step());
    }
    this.#calm = true;
    this.#settle();
    const trips = this.#store.notices.list().filter((notice) => notice.kind === "watch_overflow_tripped").length;
    const notices = this.#store.notices.list().length;
    verifyWakes({
      played: this.#played,
      store: this.#store,
      turns: this.#turns.map((turn) => turn.id),
      known: this.#known,
      stale: this.#stale,
      at: `seed ${this.#seed}`,
    });
    this.#store[Symbol.dispose]();
    return { deaths: this.#deaths, notices, turns: this.#turns.length, trips };
  }

  #play(number: number): void {
    const id = idOf(number);
    const rules: WatchRule[] = [];
    for (const match of ["ready on", "ERROR", { re2: "wa+rn" }]) {
      if (this.#below(2) === 0) rules.push({ match, mode: this.#below(2) === 0 ? "once" : "every" });
    }
    let text = "";
    for (let line = this.#below(25); line > 0; line -= 1) {
      for (let word = this.#below(4); word >= 0; word -= 1) text += words[this.#below(words.length)];
      text += ["\n", "\r\n", "\r"][this.#below(3)];
    }
    if (this.#below(2) === 0) text += words[this.#below(words.length)];
    const played: Played = {
      id,
      session: `s${this.#below(2)}`,
      rules,
      notify: this.#below(2) === 0,
      text,
      late: this.#below(3) === 0 ? "ERROR ready on warn\n" : "",
      printed: 0,
      ended: false,
      wasOpen: false,
    };
    this.#played.push(played);
    const { files } = this.#system;
    const asked = {
      notify_on_complete: played.notify,
      watch: rules,
      wake: WakePolicy.parse({}),
      heartbeat_seconds: null,
      purpose: null,
    };
    const spec: SpecFile = specOf(id, { owner: { kind: "tool", session: played.session } });
    files.makeFolder(processPaths(home, id).output);
    // Nothing has to survive that was never answered: starts are a matter of the registry's own tests.
    const calm = this.#calm;
    this.#calm = true;
    writeInterest(this.#store, spec, asked);
    this.#calm = calm;
    files.replace(processPaths(home, id).spec, JSON.stringify(spec), { durable: true });
    files.replace(processPaths(home, id).state, JSON.stringify(stateOf(id)), { durable: false });
  }

  #step(): void {
    const played = this.#played[this.#below(this.#played.length)]!;
    switch (this.#below(10)) {
      case 0:
      case 1:
      case 2:
        this.#print(played, 1 + this.#below(this.#below(2) === 0 ? 6 : 200));
        return;
      case 3:
        if (this.#below(3) === 0) this.#end(played);
        return;
      case 4:
      case 5:
        this.#look(played);
        return;
      case 6:
        this.#pass([1, 300, 2000, 16_000, 61_000][this.#below(5)]!);
        this.#tick();
        return;
      case 7:
        this.#mail();
        return;
      case 9: {
        const [ghost] = this.#ghosts.splice(0, 1);
        if (ghost !== undefined) this.#deliver(ghost.id, ghost.claimant);
        return;
      }
      case 8:
        if (played.ended && this.#below(2) === 0) this.#learn(played);
        return;
    }
  }

  /** Many have something to tell at the same moment: more than the breaker lets through. */
  #burst(): void {
    for (const played of this.#played) {
      this.#mortally(() => {
        this.#print(played, 300);
        this.#look(played);
      });
    }
  }

  #print(played: Played, size: number): void {
    if (played.ended) return;
    const bytes = Buffer.from(played.text).subarray(played.printed, played.printed + size);
    if (bytes.length === 0) return;
    this.#append(played.id, bytes);
    played.printed += bytes.length;
  }

  #append(id: ProcessId, bytes: Uint8Array): void {
    const appender = this.#system.files.appender(join(processPaths(home, id).output, segmentName(0)));
    appender.write(bytes);
    appender.close();
  }

  #end(played: Played): void {
    if (played.ended) return;
    this.#print(played, Number.POSITIVE_INFINITY);
    played.ended = true;
    const exit: ExitFile = exitOf(played.id, { code: this.#below(2), output_end: played.printed });
    this.#system.files.replace(processPaths(home, played.id).exit, JSON.stringify(exit), { durable: true });
    if (played.late !== "") this.#append(played.id, Buffer.from(played.late));
  }

  /** As the evaluator does for each process that the store names, and for no other. */
  #look(played: Played): void {
    if (!this.#store.watches.active().includes(played.id)) return;
    if (!played.ended) {
      const open =
        Buffer.from(played.text)
          .subarray(0, played.printed)
          .toString()
          .split(/[\r\n]/)
          .at(-1) ?? "";
      if (played.rules.some((rule) => fits(rule.match, open))) played.wasOpen = true;
    }
    let scan = this.#scans.get(played.id);
    if (scan === undefined) {
      scan = new ProcessScan(this.#desk, played.id);
      this.#scans.set(played.id, scan);
    } else if (scan.isStale) scan.reload();
    for (let looks = 0; looks < 100; looks += 1) {
      const look = scan.look();
      if (look.kind === "done") this.#scans.delete(played.id);
      if (look.kind !== "again") return;
    }
    throw new Error("a scan does not come to an end");
  }

  /** Nothing here waits for a timer: each step looks what is due. */
  #pass(ms: number): void {
    this.#system.machine.time.nowMs += ms;
  }

  #tick(): void {
    const dueMs = breakerDueMs(this.#desk.breaker());
    if (dueMs !== null && dueMs <= this.#system.clock.wallMs()) this.#desk.commit(() => this.#desk.tick());
  }

  /** The mailroom: claim, then for each: deliver with the turn in one transaction, or give back. */
  #mail(): void {
    const claimant = `mail${this.#claimant}`;
    if (this.#claimed.length === 0) {
      const session = this.#below(3) === 0 ? null : `s${this.#below(2)}`;
      this.#claimed = this.#store.notices.claim({ claimant, session, limit: 1 + this.#below(4), leaseMs: 30_000 });
      return;
    }
    for (const notice of this.#claimed.splice(0, 1 + this.#below(2))) {
      if (this.#below(5) === 0) {
        this.#store.notices.release(notice.id, claimant, "the turn was over", 1_000_000);
        continue;
      }
      this.#deliver(notice.id, claimant);
    }
  }

  /** The turn's own record stands and falls with the transaction. */
  #deliver(id: string, claimant: string): void {
    let delivered = false;
    try {
      this.#store.transaction(() => {
        delivered = this.#store.notices.deliver(id, claimant);
      });
    } catch (death) {
      // What was undone with the transaction is not in the turn.
      const notice = this.#store.notices.get(id);
      if (notice?.state !== "delivered" || notice.claimed_by !== claimant) delivered = false;
      throw death;
    } finally {
      if (delivered) this.#intoTurn(id, claimant);
    }
  }

  /** A turn that has a notice of its own mailroom already takes it no second time. */
  #intoTurn(id: string, claimant: string): void {
    if (this.#turns.some((turn) => turn.id === id && turn.claimant === claimant)) return;
    const notice = this.#store.notices.get(id);
    if (notice?.kind === "completion" && this.#surelyKnown.has(notice.process_id ?? "")) this.#stale.push(id);
    this.#turns.push({ id, claimant });
  }

  #learn(played: Played): void {
    // Whether the death comes before the commit or behind it, the reader has read it.
    this.#known.add(played.id);
    endKnown(this.#context, played.id);
    this.#surelyKnown.add(played.id);
  }

  /** Everything goes on to its end, in calm. */
  #settle(): void {
    this.#restart();
    for (const played of this.#played) this.#end(played);
    for (let rounds = 0; rounds < 200; rounds += 1) {
      this.#pass(31_000);
      this.#tick();
      for (const played of this.#played) this.#look(played);
      for (const notice of this.#store.notices.claim({ claimant: "last", limit: 100, leaseMs: 30_000 })) this.#deliver(notice.id, "last");
      const open = this.#store.notices.list({ states: ["stored", "claimed"] }).length;
      if (open === 0 && this.#store.watches.active().length === 0 && breakerDueMs(this.#desk.breaker()) === null) return;
    }
    throw new Error(`seed ${this.#seed}: it does not come to an end`);
  }

  #mortally(work: () => void): void {
    try {
      work();
      if (this.#below(12) === 0) throw new Death();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.#deaths += 1;
      this.#restart();
    }
  }

  /** Whatever was in memory is gone: a new program goes on from the store. */
  #restart(): void {
    this.#desk = new Desk(this.#context, this.#store, `g${this.#deaths}`);
    this.#scans = new Map();
    if (this.#below(2) === 0) this.#ghosts.push(...this.#claimed.map(({ id }) => ({ id, claimant: `mail${this.#claimant}` })));
    this.#claimed = [];
    this.#claimant += 1;
  }

  #dies(): boolean {
    return !this.#calm && this.#below(10) === 0;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

/** A store whose program may die at each transaction: before it is committed, or right behind that. */
function mortal(store: Store, dies: () => boolean): Store {
  return {
    ...store,
    transaction: (work) => {
      const result = store.transaction(() => {
        const done = work();
        if (dies()) throw new Death("before the commit");
        return done;
      });
      if (dies()) throw new Death("behind the commit");
      return result;
    },
    notices: {
      ...store.notices,
      claim: (options) => {
        const claimed = store.notices.claim(options);
        if (dies()) throw new Death("behind the claim");
        return claimed;
      },
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
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
