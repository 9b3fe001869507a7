import fc from "fast-check";
import { expect, test } from "vitest";
import { Cause, type ExitFile, Phase } from "../contract/index.ts";
import { type EndEvidence, endingOf, failureCode, originalWords } from "./ending.ts";

const nothing: EndEvidence = { intent: null, failure: null, exit: null, limit: null, oom: false, evidence: "wait", foundDead: null };
const kill = { source: "process.kill" };
const enoent = { error: "ENOENT", message: "no such program" };
const term = { code: null, signal: "SIGTERM" };
const killed9 = { code: null, signal: "SIGKILL" };
const exit = (code: number) => ({ code, signal: null });

test.each<[string, Partial<EndEvidence>, string]>([
  ["it exits", { exit: exit(0) }, "exited||0|null"],
  ["it exits with a failure", { exit: exit(3) }, "exited||3|null"],
  ["a stranger's signal", { exit: killed9 }, "exited||null|SIGKILL"],
  ["a kill", { intent: kill, exit: term }, "killed|process.kill|null|SIGTERM"],
  ["a kill that is caught, and 0", { intent: kill, exit: exit(0) }, "killed|process.kill|0|null"],
  ["a kill before the spawn", { intent: kill, evidence: "none" }, "killed|process.kill|null|null"],
  ["a kill before a spawn that fails", { intent: kill, failure: enoent, evidence: "none" }, "killed|process.kill|null|null"],
  ["a kill, then the keeper dies", { intent: kill, evidence: "none", foundDead: "lost" }, "killed|process.kill|null|null"],
  ["a kill, then the machine goes down", { intent: kill, evidence: "none", foundDead: "reboot" }, "killed|process.kill|null|null"],
  ["a limit that Herma enforces", { intent: { source: "limit:output" }, limit: "output", exit: term }, "limit|limit:output|null|SIGTERM"],
  ["… though it exits by itself at TERM", { intent: { source: "limit:run" }, exit: exit(0) }, "limit|limit:run|0|null"],
  ["a limit that the system enforces", { limit: "cpu", exit: { code: null, signal: "SIGXCPU" } }, "limit|limit:cpu|null|SIGXCPU"],
  ["… named with its prefix", { limit: "limit:cpu", exit: killed9 }, "limit|limit:cpu|null|SIGKILL"],
  ["a limit reached and survived", { limit: "cpu", exit: exit(0) }, "exited||0|null"],
  ["memory", { oom: true, exit: killed9 }, "oom|limit:memory|null|SIGKILL"],
  ["memory of a child, told by the shell", { oom: true, exit: exit(137) }, "oom|limit:memory|137|null"],
  ["memory of a child, survived", { oom: true, exit: exit(0) }, "exited||0|null"],
  ["memory, while it is being killed", { intent: kill, oom: true, exit: killed9 }, "killed|process.kill|null|SIGKILL"],
  ["no such program", { failure: enoent, evidence: "none" }, "failed_start|failed_start|127|null"],
  ["not allowed", { failure: { error: "EACCES", message: "" }, evidence: "none" }, "failed_start|failed_start|126|null"],
  ["found gone", { evidence: "none", foundDead: "lost" }, "lost|backend_lost|null|null"],
  ["found gone, but a pidfd could tell", { evidence: "pidfd", exit: exit(4), foundDead: "lost" }, "exited||4|null"],
  ["the machine went down", { evidence: "none", foundDead: "reboot" }, "reboot|reboot|null|null"],
  ["the end was seen, not the code", { exit: { code: null, signal: null }, evidence: "pidfd" }, "unknown||null|null"],
  ["nothing is known", { evidence: "none" }, "unknown||null|null"],
])("%s", (_name, change, wanted) => {
  const ending = endingOf({ ...nothing, ...change });
  expect(`${ending.cause}|${ending.terminationSource}|${ending.code}|${ending.signal}`).toBe(wanted);
});

const anyEvidence: fc.Arbitrary<EndEvidence> = fc.record({
  intent: fc.option(fc.record({ source: fc.constantFrom("process.kill", "kill_all", "limit:output") })),
  failure: fc.option(fc.record({ error: fc.constantFrom("ENOENT", "EACCES", "EAGAIN"), message: fc.constant("") })),
  exit: fc.option(
    fc.record({ code: fc.option(fc.integer({ min: 0, max: 255 })), signal: fc.option(fc.constantFrom("SIGTERM", "SIGKILL")) }),
  ),
  limit: fc.option(fc.constantFrom("cpu", "limit:run")),
  oom: fc.boolean(),
  evidence: fc.constantFrom("wait", "pidfd", "none"),
  foundDead: fc.option(fc.constantFrom("reboot", "lost")),
});

test("[defect 6.1.11] [peer 18] no code is ever invented, and the first cause wins", () => {
  fc.assert(
    fc.property(anyEvidence, (e) => {
      const ending = endingOf(e);
      if (ending.cause !== "failed_start") {
        if (e.evidence === "none" || e.exit === null) expect([ending.code, ending.signal]).toEqual([null, null]);
        if (ending.code !== null) expect(ending.code).toBe(e.exit?.code);
        if (ending.signal !== null) expect(ending.signal).toBe(e.exit?.signal);
      }
      expect(ending.code === null || ending.signal === null).toBe(true);
      if (e.intent !== null) expect(["killed", "limit"]).toContain(ending.cause);
      if (e.intent !== null) expect(ending.terminationSource).toBe(e.intent.source);
      if (ending.cause === "failed_start") expect(e.failure).not.toBeNull();
      if (ending.cause === "lost" || ending.cause === "reboot") expect([ending.code, ending.signal]).toEqual([null, null]);
      expect(ending.terminationSource === "").toBe(ending.cause === "exited" || ending.cause === "unknown");
      expect(ending.terminationSource.startsWith("limit:limit:")).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test("a program that cannot be run has a shell's code", () => {
  for (const error of ["ENOENT", "ENOTDIR"]) expect(failureCode(error)).toBe(127);
  for (const error of ["EACCES", "EPERM", "ENOEXEC", "EISDIR", "ETXTBSY", "ELOOP", "ENAMETOOLONG", "E2BIG", "EMFILE", "?"]) {
    expect(failureCode(error)).toBe(126);
  }
});

type Words = Pick<ExitFile, "cause" | "code" | "signal" | "termination_source">;
const ended = (cause: Cause, code: number | null, signal: string | null, termination_source = ""): Words => ({
  cause,
  code,
  signal,
  termination_source,
});

test.each<[Words, string]>([
  [ended("exited", 0, null), "exited||0"],
  [ended("exited", 3, null), "exited||3"],
  [ended("exited", null, "SIGSEGV"), "exited||-11"],
  [ended("killed", null, "SIGTERM", "process.kill"), "killed|process.kill|-15"],
  [ended("killed", 0, null, "kill_all"), "killed|kill_all|0"],
  [ended("killed", null, null, "process.kill"), "killed|process.kill|null"],
  [ended("oom", null, "SIGKILL", "limit:memory"), "killed|limit:memory|-9"],
  [ended("limit", null, "SIGTERM", "limit:output"), "killed|limit:output|-15"],
  [ended("failed_start", 127, null, "failed_start"), "failed_start|failed_start|127"],
  [ended("failed_start", 126, null, "failed_start"), "failed_start|failed_start|126"],
  [ended("failed_start", null, null, "failed_start"), "failed_start|failed_start|-1"],
  [ended("lost", null, null, "backend_lost"), "lost|backend_lost|null"],
  [ended("reboot", null, null, "reboot"), "lost|reboot|null"],
  [ended("unknown", null, null), "exited||null"],
])("[P21] [P22] [compat 12] in the original's words: %j", (exitFile, wanted) => {
  const words = originalWords({ phase: "ended", exit: exitFile });
  expect(words.status).toBe("exited");
  expect(`${words.completion_reason}|${words.termination_source}|${words.exit_code}`).toBe(wanted);
});

test("what is not over is running, and exit.json decides", () => {
  for (const phase of Phase.options.filter((each) => each !== "ended")) {
    const running = { status: "running", completion_reason: null, termination_source: null, exit_code: null };
    expect(originalWords({ phase, exit: null })).toEqual(running);
    expect(originalWords({ phase, exit: ended("exited", 0, null) }).status).toBe("exited");
  }
  expect(originalWords({ phase: "ended", exit: null })).toMatchObject({ status: "exited", completion_reason: "exited", exit_code: null });
  for (const cause of Cause.options) expect(originalWords({ phase: "ended", exit: ended(cause, null, null) }).status).toBe("exited");
});
