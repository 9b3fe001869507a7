import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  activeAgentsIn,
  type HeartbeatEvidence,
  heartbeatReasons,
  isFresh,
  judgeHeartbeat,
  type StateSeen,
  safeDetails,
} from "./heartbeat.ts";

type State = Extract<StateSeen, { kind: "state" }>;

/** A state of the original: it promises no heartbeats. */
function theirs(word: string, ageS: number | null): State {
  return { kind: "state", word, ageS, intervalS: null, otherBoot: false, stopWanted: null };
}
function ours(word: string, ageS: number | null, more: Partial<State> = {}): State {
  return { kind: "state", word, ageS, intervalS: 30, otherBoot: false, stopWanted: false, ...more };
}
function judged(owner: HeartbeatEvidence["owner"], state: StateSeen, answers: boolean | null = null) {
  const { alive, evidence, reason } = judgeHeartbeat({ owner, state, answers });
  return `${alive} ${evidence} ${reason}`;
}
const absent: StateSeen = { kind: "absent" };
const unreadable: StateSeen = { kind: "unreadable" };

describe("whether a gateway lives", () => {
  test("[H3] [H4] fresh is two minutes into past and future, the last moment included", () => {
    expect([0, 120, -120].map(isFresh)).toEqual([true, true, true]);
    expect([120.001, -120.001, 3600, -3600, null].map(isFresh)).toEqual([false, false, false, false, false]);
  });

  test("[H12] an owner that is proven alive is alive, whatever the file says, without a reason", () => {
    for (const state of [absent, unreadable, theirs("stopped", 9e9), theirs("running", null), ours("running", 5)])
      expect(judged("alive", state)).toBe("true lock null");
  });

  test("an owner that holds the lock and promised heartbeats is doubted once they stay out", () => {
    expect(judged("alive", ours("running", 120))).toBe("true lock null");
    expect(judged("alive", ours("running", 121))).toBe("null lock heartbeat_stale");
    expect(judged("alive", ours("running", 121, { intervalS: 60 }))).toBe("true lock null");
    expect(judged("alive", ours("running", 121), true)).toBe("true lock null");
    expect(judged("alive", ours("running", 121), false)).toBe("null lock heartbeat_stale");
  });

  test("one whose loop stands still by its own thread's word is doubted at once, unless it answers", () => {
    expect(judged("alive", ours("running", 5, { frozen: true }))).toBe("null lock heartbeat_stale");
    expect(judged("alive", ours("running", 5, { frozen: true }), true)).toBe("true lock null");
    expect(judged("unseen", ours("running", 5, { frozen: true }))).toBe("null heartbeat heartbeat_stale");
    expect(judged("gone", ours("running", 5, { frozen: true }))).toBe("false lock gateway_not_running");
  });

  test("[H13] a fresh running state of an owner nobody can see is alive: another container", () => {
    expect(judged("unseen", theirs("running", 3))).toBe("true heartbeat cross_container_freshness");
    expect(judged("unseen", theirs("RUNNING", 3))).toBe("false heartbeat gateway_not_running");
  });

  test("[defect 6.5.2] draining, degraded and starting gateways of another container live, and are told as what they are", () => {
    expect(judged("unseen", theirs("draining", 3))).toBe("true heartbeat gateway_draining");
    expect(judged("unseen", theirs("degraded", 3))).toBe("true heartbeat gateway_degraded");
    expect(judged("unseen", theirs("starting", 3))).toBe("true heartbeat gateway_starting");
  });

  test("[defect 6.5.1] a stale running state is not known, not down; a provably dead owner is down at once", () => {
    expect(judged("unseen", ours("running", 121))).toBe("null heartbeat heartbeat_stale");
    expect(judged("gone", ours("running", 1))).toBe("false lock gateway_not_running");
    expect(judged("unseen", ours("running", 121, { otherBoot: true }))).toBe("false heartbeat gateway_not_running");
    expect(judged("unseen", ours("running", 12, { otherBoot: true }))).toBe("true heartbeat cross_container_freshness");
  });

  test("[H5] a time that cannot be read is neither fresh nor long ago", () => {
    expect(judged("unseen", theirs("running", null))).toBe("null heartbeat heartbeat_stale");
    expect(judged("unseen", theirs("stopped", null))).toBe("false heartbeat gateway_not_running");
  });

  test("[H6] [H14] the original's stop of long ago is not known; one just written is down", () => {
    for (const owner of ["gone", "unseen"] as const) {
      expect(judged(owner, theirs("stopped", 121))).toBe("null none gateway_stale_stopped_state");
      expect(judged(owner, theirs("stopped", 120))).toMatch(/^false \w+ gateway_not_running$/);
    }
  });

  test("[defect 6.5.3] a stop whose owner is proven gone is down from the first second to the last", () => {
    for (const ageS of [0, 120, 121, 1e9])
      for (const stopWanted of [true, false])
        expect(judged("gone", ours("stopped", ageS, { stopWanted }))).toBe("false lock gateway_not_running");
  });

  test("[H15] [H16] records without an owner mean down; no record at all means that nothing was ever set up", () => {
    expect(judged("gone", absent)).toBe("false lock gateway_not_running");
    expect(judged("unseen", theirs("startup_failed", 1))).toBe("false heartbeat gateway_not_running");
    expect(judged("unseen", absent)).toBe("null none gateway_not_configured");
    expect(judged("unseen", unreadable)).toBe("null none status_unreadable");
  });

  test("[H2] [H11] an answer of a gateway that cannot be seen proves that it lives, and only the kernel is believed before that", () => {
    for (const state of [absent, unreadable, ours("running", 500), theirs("stopped", 500)])
      for (const owner of ["gone", "unseen"] as const) expect(judged(owner, state, true)).toBe("true socket null");
  });

  test("every combination has a verdict that holds together", () => {
    const word = fc.oneof(fc.constantFrom("starting", "running", "degraded", "draining", "stopped", "startup_failed"), fc.string());
    const state: fc.Arbitrary<StateSeen> = fc.oneof(
      fc.constant(absent),
      fc.constant(unreadable),
      fc.record({
        kind: fc.constant("state" as const),
        word,
        ageS: fc.option(fc.double({ noNaN: true })),
        intervalS: fc.option(fc.double({ min: 1, max: 600, noNaN: true })),
        otherBoot: fc.boolean(),
        stopWanted: fc.option(fc.boolean()),
      }),
    );
    const owner = fc.constantFrom("alive" as const, "gone" as const, "unseen" as const);
    fc.assert(
      fc.property(owner, state, fc.option(fc.boolean()), (its, seen, answers) => {
        const verdict = judgeHeartbeat({ owner: its, state: seen, answers });
        if (verdict.reason !== null) expect(heartbeatReasons).toContain(verdict.reason);
        // What is not plainly alive has a reason, and nothing is called dead that holds the lock or answers.
        if (verdict.alive !== true) expect(verdict.reason).not.toBeNull();
        if (its === "alive" || answers === true) expect(verdict.alive).not.toBe(false);
      }),
    );
  });
});

describe("what may be told of a state", () => {
  test("[H17] [H18] the safe subset, and nothing else", () => {
    const details = safeDetails({
      pid: 12,
      argv: ["hermes", "gateway", "run", "--token=secret"],
      command_line: ["/home/me/secret"],
      address: "http://127.0.0.1:1",
      gateway_state: "running",
      updated_at: "2026-01-01T00:00:00+00:00",
      active_agents: 2.9,
      platforms: { a: { state: "connected", error_message: "secret" }, b: { state: "connected" }, c: { state: "" }, d: null, e: 7 },
    });
    expect(details).toEqual({
      gateway_state: "running",
      updated_at: "2026-01-01T00:00:00+00:00",
      active_agents: 2,
      platform_count: 5,
      platform_states: { connected: 2 },
    });
  });

  test("[H17] what is missing, empty or noise is left out; a missing count is none", () => {
    expect(safeDetails({})).toEqual({ active_agents: 0, platform_count: 0 });
    expect(safeDetails({ gateway_state: "", updated_at: 5, active_agents: "many", platforms: [1, 2] })).toEqual({ platform_count: 0 });
    expect(safeDetails({ gateway_state: "x".repeat(65), updated_at: "y".repeat(65), active_agents: -3 })).toEqual({
      active_agents: 0,
      platform_count: 0,
    });
  });

  test("counts are whole and never negative", () => {
    expect([undefined, 0, 3, 3.7, -1, "4", " 5 ", "-2"].map(activeAgentsIn)).toEqual([0, 0, 3, 3, 0, 4, 5, 0]);
    expect([null, true, "x", "", Number.NaN, Number.POSITIVE_INFINITY, [], {}].map(activeAgentsIn)).toEqual(Array(8).fill(null));
  });
});
