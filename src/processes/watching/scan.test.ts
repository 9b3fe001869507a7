import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { plantedKey, plantedSecrets } from "../../../test/fixtures/secrets.ts";
import { checked, type ExitFile, type ProcessId, processPaths, WakePolicy, type WatchRuleInput } from "../../contract/index.ts";
import { breakerDueMs, createRedactor, segmentName } from "../../rules/index.ts";
import { openStore } from "../../store/index.ts";
import { fakeSystem } from "../../system/fake/index.ts";
import type { Context } from "../context.ts";
import { askedInterest, writeInterest } from "../interest.ts";
import { shownBy } from "../shown.ts";
import { exitOf, idOf, specOf, stateOf } from "../testing/records.ts";
import { Desk } from "./desk.ts";
import { type Look, ProcessScan } from "./scan.ts";

const home = "/home";

/** One home on a machine that is played, with a store in memory. A new `desk` is what a new program has: nothing but the files and the store. */
function stage() {
  const system = fakeSystem({ seed: 1 });
  const store = openStore({ home, system, path: ":memory:" });
  onTestFinished(() => store[Symbol.dispose]());
  const context = {
    home,
    system,
    shown: shownBy(createRedactor({ enabled: true })),
    store: { open: () => store, ifThere: () => store },
    tell: () => {},
  } as unknown as Context;
  let count = 0;
  return {
    store,
    desk: () => new Desk(context, store, "g"),
    pass: (ms: number) => {
      system.machine.time.nowMs += ms;
    },
    setClock: (byMs: number) => {
      system.machine.time.wallOffsetMs += byMs;
    },
    start(watch: readonly WatchRuleInput[], more: { notifyOnComplete?: boolean; heartbeatSeconds?: number } = {}): ProcessId {
      count += 1;
      const id = idOf(count);
      const spec = specOf(id, { owner: { kind: "tool", session: "s" } });
      const asked = askedInterest({ command: "x", owner: spec.owner, watch, ...more });
      if (asked === null) throw new Error("nothing is asked for");
      system.files.makeFolder(processPaths(home, id).output);
      system.files.replace(processPaths(home, id).spec, JSON.stringify(spec), { durable: true });
      system.files.replace(processPaths(home, id).state, JSON.stringify(stateOf(id)), { durable: true });
      writeInterest(store, spec, asked);
      return id;
    },
    print(id: ProcessId, text: string | Uint8Array) {
      const appender = system.files.appender(join(processPaths(home, id).output, segmentName(0)));
      appender.write(Buffer.from(text as string));
      appender.close();
    },
    end(id: ProcessId, output_end: number, exit: Partial<ExitFile> = {}) {
      system.files.replace(processPaths(home, id).exit, JSON.stringify(exitOf(id, { output_end, ...exit })), { durable: true });
    },
    told: (id: ProcessId | null) => store.notices.list().filter((notice) => notice.process_id === id),
  };
}

function lookOn(scan: ProcessScan): Look {
  for (;;) {
    const look = scan.look();
    if (look.kind !== "again") return look;
  }
}

test("a pattern that is cut at any byte matches once, at its line, whether the same program reads on or another", () => {
  const text = Buffer.from("first\r\nzw\u00f6lf \u001b[31mERR\u001b[0mOR ü\rlast\n");
  for (const restarts of [false, true]) {
    for (let cut = 1; cut < text.length; cut += 1) {
      const home = stage();
      const id = home.start([{ match: "zwölf ERROR ü", mode: "every" }]);
      let scan = new ProcessScan(home.desk(), id);
      home.print(id, text.subarray(0, cut));
      lookOn(scan);
      // The open line is looked at as well, and must not match in halves.
      home.pass(300);
      lookOn(scan);
      if (restarts) {
        scan.save();
        scan = new ProcessScan(home.desk(), id);
      }
      home.print(id, text.subarray(cut));
      lookOn(scan);
      expect(home.told(id).map((notice) => notice.data.offset)).toEqual([7]);
      expect(home.store.watches.ofProcess(id)).toMatchObject([{ hits: 1, deliveries: 1, last_match: 7 }]);
    }
  }
});

test("[W2] the last line without an end counts, and what was written after the settled end does not", () => {
  const home = stage();
  const id = home.start([{ match: "ERROR", mode: "every" }], { notifyOnComplete: true });
  home.print(id, "fine\nERROR");
  home.end(id, 10, { code: 1 });
  home.print(id, " ERROR\nERROR\n");
  expect(lookOn(new ProcessScan(home.desk(), id))).toEqual({ kind: "done" });
  expect(home.told(id).map((notice) => [notice.kind, notice.data.offset ?? notice.data.code])).toEqual([
    ["watch_match", 5],
    ["completion", 1],
  ]);
  expect(home.store.watches.active()).toEqual([]);
});

test("an end that nobody wants to hear of, by its policy, is not told, and is not looked at again", () => {
  const home = stage();
  const id = home.start([], { notifyOnComplete: true });
  const interest = home.store.interests.get(id)!;
  home.store.interests.put({ ...interest, wake: checked(WakePolicy, { success: "ignore" }) });
  home.end(id, 0);
  expect(lookOn(new ProcessScan(home.desk(), id))).toEqual({ kind: "done" });
  expect(home.told(id)).toEqual([]);
  expect(home.store.watches.active()).toEqual([]);
});

test("[W3] [W5] a flood is told now and then, then given up: every match is told or counted, and the end is told instead", () => {
  const home = stage();
  const id = home.start([{ match: "hit", mode: "every" }]);
  const scan = new ProcessScan(home.desk(), id);
  let end = 0;
  for (let second = 0; second < 60; second += 1) {
    home.print(id, "hit\n".repeat(50));
    end += 200;
    lookOn(scan);
    home.pass(1000);
  }
  const [watch] = home.store.watches.ofProcess(id);
  expect(watch).toMatchObject({ state: "disabled" });
  expect(home.store.interests.get(id)?.notify_on_complete).toBe(true);
  home.end(id, end);
  expect(lookOn(scan)).toEqual({ kind: "done" });
  const told = home.told(id);
  expect(told.map((notice) => notice.kind).filter((kind) => kind !== "watch_match")).toEqual(["watch_disabled", "completion"]);
  const matches = told.filter((notice) => notice.kind === "watch_match").length;
  const counted = told.reduce((sum, notice) => sum + Number(notice.data.suppressed), 0);
  expect(matches + counted).toBe(watch!.hits);
});

test("[W7] too many at once: one word when the breaker trips, one when it lets go by itself, with exact counts, and what waited follows", () => {
  const home = stage();
  const desk = home.desk();
  const every = Array.from({ length: 20 }, () => home.start([{ match: "hit", mode: "every" }]));
  const once = home.start([{ match: "hit" }]);
  for (const id of [...every, once]) {
    home.print(id, "hit\n");
    lookOn(new ProcessScan(desk, id));
  }
  const dueMs = breakerDueMs(desk.breaker());
  expect(dueMs).toBe(desk.nowMs + 30_000);
  home.pass(30_000);
  desk.commit(() => desk.tick());
  expect(breakerDueMs(desk.breaker())).toBeNull();
  const summaries = home.told(null);
  expect(summaries.map((notice) => notice.kind)).toEqual(["watch_overflow_tripped", "watch_overflow_released"]);
  expect(summaries[1]!.data).toEqual({ suppressed: 5, by_process: Object.fromEntries(every.slice(15).map((id) => [id, 1])), held: 1 });
  expect(home.told(once)).toMatchObject([{ kind: "watch_match", data: { late: true, offset: 0 } }]);
  expect(home.told(once)[0]!.text).toContain("hit");
});

test("a rule on silence fires once for each silence, also for one that lasted while nobody looked; a heartbeat tells what is new", () => {
  const home = stage();
  const id = home.start([{ match: "tick", negative_seconds: 10, mode: "every" }], { heartbeatSeconds: 60 });
  let scan = new ProcessScan(home.desk(), id);
  expect(lookOn(scan)).toEqual({ kind: "wait", dueInMs: 10_000 });
  home.pass(5000);
  home.print(id, "tick\n");
  expect(lookOn(scan)).toEqual({ kind: "wait", dueInMs: 10_000 });
  home.pass(9999);
  lookOn(scan);
  expect(home.told(id)).toEqual([]);
  scan = new ProcessScan(home.desk(), id);
  home.pass(1);
  lookOn(scan);
  lookOn(new ProcessScan(home.desk(), id));
  expect(home.told(id)).toMatchObject([{ kind: "watch_match", data: { silent_seconds: 10 } }]);
  home.pass(60_000);
  lookOn(scan);
  expect(home.told(id).map((notice) => notice.kind)).toEqual(["watch_match", "heartbeat"]);
  expect(home.told(id)[1]).toMatchObject({ data: { from: 0, to: 5 } });
  // Nothing new: nothing is told, and the next look is a whole time away.
  home.pass(60_000);
  expect(lookOn(scan)).toEqual({ kind: "wait", dueInMs: 60_000 });
  expect(home.told(id)).toHaveLength(2);
});

test("a clock that is set back delays neither a silence, nor a heartbeat, nor what the breaker has to tell", () => {
  const home = stage();
  const hour = 3_600_000;
  const id = home.start([{ match: "tick", negative_seconds: 10 }], { heartbeatSeconds: 60 });
  home.print(id, "news\n");
  const scan = new ProcessScan(home.desk(), id);
  lookOn(scan);
  home.setClock(-hour);
  home.pass(5000);
  expect(lookOn(scan)).toEqual({ kind: "wait", dueInMs: 10_000 });
  home.pass(10_000);
  lookOn(scan);
  expect(home.told(id)).toMatchObject([{ kind: "watch_match", data: { silent_seconds: 10 } }]);
  home.pass(50_000);
  lookOn(scan);
  expect(home.told(id).map((notice) => notice.kind)).toEqual(["watch_match", "heartbeat"]);

  const desk = home.desk();
  for (let count = 0; count < 17; count += 1) {
    const one = home.start([{ match: "hit", mode: "every" }]);
    home.print(one, "hit\n");
    lookOn(new ProcessScan(desk, one));
  }
  home.setClock(-hour);
  // As the evaluator does: at the due time, and again at the one that is told then.
  for (let count = 0; count < 2; count += 1) {
    home.pass(30_000);
    desk.commit(() => desk.tick());
  }
  expect(home.told(null).map((notice) => notice.kind)).toEqual(["watch_overflow_tripped", "watch_overflow_released"]);
});

test("[peer 34] a line of a private key, and a token of which only the beginning has come, are told as what they are", () => {
  const home = stage();
  const key = plantedKey();
  const line = key.lines[20] as string;
  const { secret } = plantedSecrets()[0] as { secret: string };
  const id = home.start([{ match: line.slice(0, 12) }, { match: "token" }]);
  home.print(id, `${key.text}token: ${secret.slice(0, 14)}`);
  const scan = new ProcessScan(home.desk(), id);
  lookOn(scan);
  home.pass(300);
  lookOn(scan);
  const texts = home.told(id).map((notice) => notice.text.split("instruction.")[1]);
  expect(texts).toHaveLength(2);
  expect(texts[0]).toMatch(/>\n\*\*\*\n</);
  expect(texts[1]).toMatch(/>\ntoken: \*\*\*\n</);
});

test("a rule that is added sees output from then on", () => {
  const home = stage();
  const id = home.start([{ match: "never" }]);
  home.print(id, "hit 1\n");
  const scan = new ProcessScan(home.desk(), id);
  lookOn(scan);
  home.store.watches.add({ process_id: id, rule: { match: "hit", mode: "once" }, from: 6 });
  expect(scan.isStale).toBe(true);
  scan.reload();
  home.print(id, "hit 2\n");
  lookOn(scan);
  expect(home.told(id).map((notice) => notice.data.offset)).toEqual([6]);
  expect(scan.isStale).toBe(false);
});
