import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { type Notice, NoticeKind, NoticeState } from "../contract/index.ts";
import { type FakeMachine, fakeSystem } from "../system/fake/index.ts";
import { nodeSystem } from "../system/index.ts";
import { openStore, type Store } from "./index.ts";
import { ModelStore } from "./testing/modelStore.ts";
import { interestIn, newNotice, processId } from "./testing/things.ts";

/** The store and the model of it, on one clock. */
type Model = { readonly model: ModelStore };
type Real = { store: Store; readonly reopen: (() => Store) | null; readonly machine: FakeMachine };
type Both = Omit<Store, "onChange" | typeof Symbol.dispose>;
type Act = { readonly name: string; readonly act: (store: Both) => unknown };

/** Does the same to both and compares what they say, and afterwards what they hold. */
class Step implements fc.Command<Model, Real> {
  readonly #step: Act;
  constructor(step: Act) {
    this.#step = step;
  }
  check(): boolean {
    return true;
  }
  run({ model }: Model, { store }: Real): void {
    expect(this.#step.act(store), this.#step.name).toEqual(this.#step.act(model));
    expect(store.notices.list(), this.#step.name).toEqual(model.notices.list());
    expect(store.watches.active(), this.#step.name).toEqual(model.watches.active());
  }
  toString(): string {
    return this.#step.name;
  }
}

/** Several as one transaction, which may fail behind any of them. */
class Transaction implements fc.Command<Model, Real> {
  readonly #steps: readonly Act[];
  readonly #fails: boolean;
  constructor(steps: readonly Act[], fails: boolean) {
    this.#steps = steps;
    this.#fails = fails;
  }
  check(): boolean {
    return true;
  }
  run({ model }: Model, { store }: Real): void {
    const results = [store, model].map((one) => {
      const said: unknown[] = [];
      const work = (): void => {
        for (const step of this.#steps) said.push(step.act(one));
        if (this.#fails) throw new Error("taken back");
      };
      if (this.#fails) expect(() => one.transaction(work)).toThrow("taken back");
      else one.transaction(work);
      return said;
    });
    expect(results[0]).toEqual(results[1]);
    expect(store.notices.list(), this.toString()).toEqual(model.notices.list());
    expect(store.interests.list(), this.toString()).toEqual(model.interests.list());
  }
  toString(): string {
    return `transaction(${this.#steps.map((step) => step.name).join("; ")}${this.#fails ? "; throw" : ""})`;
  }
}

class Pass implements fc.Command<Model, Real> {
  readonly #ms: number;
  readonly #wallStepMs: number;
  constructor(ms: number, wallStepMs: number) {
    this.#ms = ms;
    this.#wallStepMs = wallStepMs;
  }
  check(): boolean {
    return true;
  }
  run(_model: Model, { machine }: Real): void {
    machine.time.nowMs += this.#ms;
    machine.time.wallOffsetMs += this.#wallStepMs;
  }
  toString(): string {
    return `pass(${this.#ms} ms, the wall clock steps ${this.#wallStepMs} ms)`;
  }
}

class Reopen implements fc.Command<Model, Real> {
  check(): boolean {
    return true;
  }
  run({ model }: Model, real: Real): void {
    if (real.reopen === null) return;
    real.store = real.reopen();
    model.reopen();
  }
  toString(): string {
    return "reopen";
  }
}

function step(name: string, args: unknown, act: (store: Both) => unknown): Act {
  return { name: `${name} ${JSON.stringify(args)}`, act };
}

// Few of each, so that they meet.
const process = fc.integer({ min: 1, max: 2 }).map(processId);
const session = fc.constantFrom("s1", "s2", null);
const claimant = fc.constantFrom("a", "b");
const noticeId = fc.integer({ min: 1, max: 6 }).map((n) => newNotice(n).id);
const kind = fc.constantFrom(...NoticeKind.options);
const weight = fc.constantFrom<Notice["weight"]>("turn", "context");
const ageMs = fc.constantFrom(0, 50, 500);
const attemptsMax = fc.constantFrom(0, 1, 2, 5);

const noticeSteps: fc.Arbitrary<Act>[] = [
  fc
    .record({ process_id: fc.option(process), session, kind, weight, n: fc.integer({ min: 1, max: 6 }), text: fc.string() })
    .map(({ n, ...change }) => step("add", { n, ...change }, (store) => store.notices.add(newNotice(n, change), `once ${n}`))),
  fc
    .record(
      {
        claimant,
        session,
        weights: fc.uniqueArray(weight),
        limit: fc.integer({ min: 0, max: 4 }),
        leaseMs: fc.constantFrom(0, 10, 100),
        attemptsMax,
      },
      { requiredKeys: ["claimant", "limit", "leaseMs"] },
    )
    .map((options) => step("claim", options, (store) => store.notices.claim(options))),
  fc
    .tuple(claimant, fc.integer({ min: 1, max: 3 }))
    .map(([by, limit]) =>
      step("claim and deliver", { by, limit }, (store) =>
        store.notices.claim({ claimant: by, limit, leaseMs: 10 }).map((one) => store.notices.deliver(one.id, by)),
      ),
    ),
  fc.constantFrom({}, { session: "s1" }).map((filter) => step("claimOverInMs", filter, (store) => store.notices.claimOverInMs(filter))),
  fc.tuple(noticeId, claimant).map((args) => step("deliver", args, (store) => store.notices.deliver(...args))),
  fc.tuple(noticeId, claimant, fc.string(), attemptsMax).map((args) => step("release", args, (store) => store.notices.release(...args))),
  fc.tuple(claimant, fc.string(), attemptsMax).map((args) => step("releaseOthers", args, (store) => store.notices.releaseOthers(...args))),
  fc
    .oneof(fc.record({ id: noticeId }), fc.record({ process, kinds: fc.uniqueArray(kind) }, { requiredKeys: ["process"] }))
    .map((filter) => step("consume", filter, (store) => store.notices.consume(filter))),
  ageMs.map((age) => step("prune", age, (store) => store.notices.prune(age))),
  noticeId.map((id) => step("get", id, (store) => store.notices.get(id))),
  fc
    .record(
      { process, session: fc.constantFrom("s1", "s2"), states: fc.uniqueArray(fc.constantFrom(...NoticeState.options)), limit: fc.nat(4) },
      { requiredKeys: [] },
    )
    .map((filter) => step("list", filter, (store) => store.notices.list(filter))),
];

const json = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2, noNullPrototype: true });
const otherSteps: fc.Arbitrary<Act>[] = [
  fc
    .record({ process, session, notify: fc.boolean(), heartbeat: fc.option(fc.constantFrom(60, 61.5)), purpose: fc.option(fc.string()) })
    .map((args) =>
      step("put interest", args, (store) =>
        store.interests.put(
          interestIn(args.process, {
            session: args.session,
            notify_on_complete: args.notify,
            heartbeat_seconds: args.heartbeat,
            purpose: args.purpose,
          }),
        ),
      ),
    ),
  process.map((id) => step("get interest", id, (store) => store.interests.get(id))),
  process.map((id) => step("remove interest", id, (store) => store.interests.remove(id))),
  fc
    .record({ session: fc.constantFrom("s1", "s2"), task: fc.constant("t") }, { requiredKeys: [] })
    .map((filter) => step("list interests", filter, (store) => store.interests.list(filter))),
  fc
    .tuple(process, fc.string({ minLength: 1 }), fc.nat())
    .map((args) =>
      step("add watch", args, (store) =>
        store.watches.add({ process_id: args[0], rule: { match: { re2: args[1] }, mode: "every" }, from: args[2] }),
      ),
    ),
  fc
    .record({
      process_id: process,
      id: fc.integer({ min: 1, max: 6 }),
      state: fc.constantFrom("active" as const, "matched" as const, "disabled" as const),
      hits: fc.nat(),
      deliveries: fc.nat(),
      last_match: fc.option(fc.nat()),
    })
    .map((watch) =>
      step("save watch", watch, (store) => store.watches.save({ ...watch, rule: { match: "other", mode: "once" }, from: 0 })),
    ),
  process.map((id) => step("watches", id, (store) => store.watches.ofProcess(id))),
  fc.integer({ min: 1, max: 6 }).map((id) => step("remove watch", id, (store) => store.watches.remove(id))),
  fc
    .record({ process_id: process, offset: fc.maxSafeNat(), state: json })
    .map((scan) => step("put scan", scan, (store) => store.scans.put(scan))),
  process.map((id) => step("get scan", id, (store) => store.scans.get(id))),
  json.map((state) => step("put breaker", state, (store) => store.scans.putBreaker(state))),
  fc.constant(step("get breaker", null, (store) => store.scans.breaker())),
  fc
    .tuple(process, fc.constantFrom("model", "cli"), fc.nat(100))
    .map((args) => step("acknowledge", args, (store) => store.readers.acknowledge(...args))),
  fc
    .tuple(process, fc.constantFrom("model", "cli"))
    .map((args) => step("acknowledged", args, (store) => store.readers.acknowledged(...args))),
];

const notice = fc.oneof(...noticeSteps);
const any = fc.oneof({ weight: 3, arbitrary: notice }, { weight: 2, arbitrary: fc.oneof(...otherSteps) });
const commands = fc.commands(
  [
    notice.map((one) => new Step(one)),
    any.map((one) => new Step(one)),
    fc.tuple(fc.array(any, { maxLength: 5 }), fc.boolean()).map((args) => new Transaction(...args)),
    fc.tuple(fc.constantFrom(0, 1, 10, 100), fc.constantFrom(0, 0, 0, -100_000, 100_000)).map((args) => new Pass(...args)),
    fc.constant(new Reopen()),
  ],
  { maxCommands: 120, size: "max" },
);

const seed = 20_260_301;
const timeout = 120_000;

test("in memory it does what the model does", { timeout }, () => {
  fc.assert(
    fc.property(commands, (some) => {
      const system = fakeSystem();
      using store = openStore({ home: "/home", system, path: ":memory:" });
      const real: Real = { store, reopen: null, machine: system.machine };
      fc.modelRun(() => ({ model: { model: new ModelStore(system.clock) }, real }), some);
    }),
    { numRuns: 200, seed },
  );
});

test("in a file, closed and opened again now and then, it does what the model does", { timeout }, () => {
  fc.assert(
    fc.property(commands, (some) => {
      const fake = fakeSystem();
      const home = temporaryFolder();
      // Only the time is played: the file is a real one.
      const system = { ...nodeSystem(), clock: fake.clock };
      let store = openStore({ home, system });
      onTestFinished(() => store[Symbol.dispose]());
      const reopen = (): Store => {
        store[Symbol.dispose]();
        store = openStore({ home, system });
        return store;
      };
      fc.modelRun(() => ({ model: { model: new ModelStore(fake.clock) }, real: { store, reopen, machine: fake.machine } }), some);
      store[Symbol.dispose]();
    }),
    { numRuns: 25, seed },
  );
});
