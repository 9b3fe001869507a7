import { expect, test } from "vitest";
import { type Evidence, recoveryTable, recoveryVerdict, rowsFor, type Verdict } from "./recovery.ts";

const both = [true, false];
const values: { [K in keyof Evidence]: readonly Evidence[K][] } = {
  exitOnDisk: both,
  exitNoted: both,
  stateOnDisk: both,
  spawned: both,
  ended: both,
  keeperAlive: ["yes", "no", "unknown"],
  keeperIsMe: both,
  process: ["same", "gone", "unknown", "none"],
  sameBoot: both,
  starterAlive: ["yes", "no", "unknown"],
  markFound: both,
};

function* everyEvidence(): Generator<Evidence> {
  const names = Object.keys(values) as (keyof Evidence)[];
  const total = names.reduce((product, name) => product * values[name].length, 1);
  for (let index = 0; index < total; index++) {
    let rest = index;
    const evidence: Record<string, unknown> = {};
    for (const name of names) {
      const allowed = values[name];
      evidence[name] = allowed[rest % allowed.length];
      rest = Math.floor(rest / allowed.length);
    }
    yield evidence as Evidence;
  }
}

const all = [...everyEvidence()];

/** Every combination whose verdict is one of these must satisfy the claim. */
function always(verdicts: readonly Verdict[], claim: (evidence: Evidence) => boolean): Evidence[] {
  return all.filter((evidence) => verdicts.includes(recoveryVerdict(evidence).verdict) && !claim(evidence));
}

test("every combination of evidence has exactly one row", () => {
  expect(all.length).toBe(9216);
  expect(all.filter((evidence) => rowsFor(evidence).length !== 1)).toEqual([]);
});

test("every row holds for some evidence, and no reason is given twice", () => {
  expect(recoveryTable.filter((row) => !all.some((evidence) => rowsFor(evidence).includes(row)))).toEqual([]);
  expect(new Set(recoveryTable.map((row) => row.because)).size).toBe(recoveryTable.length);
});

test("exit.json is final", () => {
  expect(all.filter((evidence) => evidence.exitOnDisk !== (recoveryVerdict(evidence).verdict === "finished"))).toEqual([]);
});

test("nothing is taken from a keeper that may live, or from oneself", () => {
  const taking: Verdict[] = ["adopt", "adoptByMark", "neverStarted"];
  expect(always([...taking, "lost"], (evidence) => !evidence.keeperIsMe && (evidence.keeperAlive === "no" || !evidence.sameBoot))).toEqual(
    [],
  );
  expect(always(["adopt", "adoptByMark"], (evidence) => evidence.keeperAlive === "no")).toEqual([]);
  expect(always(["writeNotedExit", "lost", "reboot", ...taking], (evidence) => evidence.keeperAlive !== "yes")).toEqual([]);
});

test("what may live is never said to be over", () => {
  expect(always(["lost"], (evidence) => evidence.process === "gone" || !evidence.sameBoot)).toEqual([]);
  expect(always(["lost", "reboot", "neverStarted", "writeNotedExit"], (evidence) => evidence.process !== "same")).toEqual([]);
  expect(always(["neverStarted"], (evidence) => !evidence.spawned && !evidence.markFound && !evidence.exitNoted)).toEqual([]);
});

test("a reboot is told only of another boot, and nothing of another boot is adopted", () => {
  expect(always(["reboot"], (evidence) => !evidence.sameBoot)).toEqual([]);
  expect(always(["adopt"], (evidence) => evidence.sameBoot && evidence.process === "same")).toEqual([]);
});

test("an exit that was noted is never thrown away", () => {
  expect(always(["lost", "reboot", "neverStarted"], (evidence) => !evidence.exitNoted)).toEqual([]);
});

test("a starter that may live keeps its folder as long as nobody has begun", () => {
  const untouched = all.filter((e) => !e.exitOnDisk && !e.stateOnDisk && e.starterAlive !== "no" && !e.markFound);
  expect(untouched.filter((evidence) => recoveryVerdict(evidence).verdict === "neverStarted")).toEqual([]);
});

const running: Evidence = {
  exitOnDisk: false,
  exitNoted: false,
  stateOnDisk: true,
  spawned: true,
  ended: false,
  keeperAlive: "no",
  keeperIsMe: false,
  process: "same",
  sameBoot: true,
  starterAlive: "no",
  markFound: false,
};
const unspawned: Partial<Evidence> = { spawned: false, process: "none" };
const bare: Partial<Evidence> = { ...unspawned, stateOnDisk: false };

test.each<[string, Partial<Evidence>, Verdict]>([
  ["the keeper died, the process lives", {}, "adopt"],
  ["… and it is gone", { process: "gone" }, "lost"],
  ["… and nobody can tell", { process: "unknown" }, "leaveUnknown"],
  ["… and its exit was noted", { process: "gone", exitNoted: true }, "writeNotedExit"],
  ["… and the machine went down", { process: "gone", sameBoot: false }, "reboot"],
  [
    "… and the machine went down, in a container that cannot see locks",
    { process: "unknown", sameBoot: false, keeperAlive: "unknown" },
    "reboot",
  ],
  ["another keeper holds it", { keeperAlive: "yes" }, "held"],
  ["another keeper on another machine holds it", { keeperAlive: "yes", sameBoot: false, process: "gone" }, "held"],
  ["another keeper may hold it", { keeperAlive: "unknown", process: "gone" }, "leaveUnknown"],
  ["the asking keeper holds it", { keeperIsMe: true, keeperAlive: "unknown" }, "held"],
  ["the keeper died before the spawn", unspawned, "neverStarted"],
  ["the keeper died right after the spawn", { ...unspawned, markFound: true }, "adoptByMark"],
  ["the machine went down during the start", { ...unspawned, sameBoot: false }, "reboot"],
  ["only a spec, its writer lives", { ...bare, starterAlive: "yes" }, "leaveToStarter"],
  ["only a spec, its writer may live", { ...bare, starterAlive: "unknown" }, "leaveUnknown"],
  ["only a spec, its writer is gone", bare, "neverStarted"],
  ["the state was lost, the process lives", { ...bare, markFound: true }, "adoptByMark"],
  ["ended, exit.json is missing", { ended: true, process: "gone" }, "lost"],
  ["exit noted without a state", { ...bare, exitNoted: true }, "impossible"],
  ["an identity that was not compared", { process: "none" }, "impossible"],
])("%s", (_name, change, verdict) => {
  expect(recoveryVerdict({ ...running, ...change }).verdict).toBe(verdict);
});
