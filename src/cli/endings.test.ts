import { expect, test } from "vitest";
import type { Cause, ExitFile } from "../contract/index.ts";
import { endingSentence, endingWord, exitCodeOf } from "./endings.ts";

function exit(part: Partial<ExitFile>): ExitFile {
  return {
    format: 1,
    id: "proc_0123456789ab",
    code: null,
    signal: null,
    cause: "exited",
    termination_source: "",
    intent: null,
    started_at: null,
    ended_at: "2026-01-01T00:00:00.000+00:00",
    output_end: 0,
    usage: null,
    survivors: [],
    evidence: "wait",
    failure: null,
    losses: [],
    ...part,
  };
}

test("an exit code is the process's own, 128 + n, or 125; never invented", () => {
  expect(exitCodeOf(exit({ code: 3 }))).toBe(3);
  expect(exitCodeOf(exit({ signal: "SIGTERM" }))).toBe(143);
  expect(exitCodeOf(exit({ signal: "SIGKILL" }))).toBe(137);
  expect(exitCodeOf(exit({ signal: "SIGFUTURE" }))).toBe(125);
  expect(exitCodeOf(exit({ cause: "lost" }))).toBe(125);
  expect(exitCodeOf(exit({ cause: "failed_start", code: 127 }))).toBe(127);
  // A process that caught TERM and ended well was killed, and says 0.
  expect(exitCodeOf(exit({ cause: "killed", code: 0 }))).toBe(0);
});

test("every cause has words of its own", () => {
  const causes: Cause[] = ["exited", "killed", "failed_start", "lost", "oom", "limit", "reboot", "unknown"];
  const sentences = causes.map((cause) => endingSentence(exit({ cause, signal: "SIGKILL", termination_source: "limit:output" })));
  expect(new Set(sentences).size).toBe(causes.length);
  expect(endingSentence(exit({ code: 0 }))).toBe("exited with 0");
  expect(endingSentence(exit({ cause: "limit", signal: "SIGKILL", termination_source: "limit:output" }))).toBe(
    "was ended by SIGKILL at the limit of its output",
  );
  expect(endingSentence(exit({ cause: "failed_start", code: 127, failure: { error: "ENOENT", message: "no such program: x" } }))).toBe(
    "could not be started: no such program: x",
  );
  expect(endingWord(exit({ code: 2 }))).toBe("exit 2");
  expect(endingWord(exit({ cause: "killed", signal: "SIGTERM" }))).toBe("killed (SIGTERM)");
  expect(endingWord(exit({ cause: "lost" }))).toBe("lost");
});
