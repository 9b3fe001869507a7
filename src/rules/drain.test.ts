import fc from "fast-check";
import { expect, test } from "vitest";
import { DrainMarker, drainLeasesMax, timestampOf } from "../contract/index.ts";
import {
  type DrainBook,
  type DrainLease,
  type DrainLook,
  drainLeaseMsMax,
  emptyDrainBook,
  judgeDrainMarker,
  lookAtDrain,
  type MarkerSight,
  principalName,
  unionMarker,
  withLease,
  withoutLease,
} from "./drain.ts";

const nowMs = Date.UTC(2026, 2, 1, 12);
const epoch = "boot-1:40";
const now = { wallMs: nowMs, epoch };
const hour = 3_600_000;

function sight(value: unknown, more: { mtimeMs?: number; ino?: number } = {}): MarkerSight {
  return { stamp: { ino: more.ino ?? 7, mtimeMs: more.mtimeMs ?? nowMs, size: 100 }, value };
}

function lease(principal: string, more: Partial<DrainLease> = {}): DrainLease {
  return { principal, requestedAtMs: nowMs, expiresAtMs: nowMs + hour, suppressNotification: false, from: "request", ...more };
}

function book(...leases: DrainLease[]): DrainBook {
  return { revision: 5, epoch, leases, seen: null };
}

const at = (ms: number) => timestampOf(nowMs + ms);
const asked = (more: object = {}) => ({ action: "drain", requested_at: at(-10_000), principal: "nas", ...more });

test.each<[string, unknown, { mtimeMs?: number }, object]>([
  [
    "one just written",
    asked(),
    {},
    { kind: "lease", lease: { principal: "nas", requestedAtMs: nowMs - 10_000, expiresAtMs: nowMs - 10_000 + hour, from: "marker" } },
  ],
  ["one of this epoch", asked({ epoch }), {}, { kind: "lease" }],
  ["one with an empty epoch, which is not compared", asked({ epoch: "" }), {}, { kind: "lease" }],
  ["one of another epoch", asked({ epoch: "boot-0:40" }), {}, { kind: "foreign_epoch" }],
  ["one of another container on the same machine", asked({ epoch: "boot-1:9000" }), {}, { kind: "foreign_epoch" }],
  ["one of just under an hour", asked({ requested_at: at(1 - hour) }), {}, { kind: "lease", lease: { expiresAtMs: nowMs + 1 } }],
  ["one of an hour", asked({ requested_at: at(-hour) }), {}, { kind: "expired" }],
  ["one whose own end has come", asked({ expires_at: at(0), revision: 99 }), {}, { kind: "expired" }],
  [
    "a time without an offset, which is UTC",
    asked({ requested_at: "2026-03-01T11:59:50" }),
    {},
    { kind: "lease", lease: { requestedAtMs: nowMs - 10_000 } },
  ],
  [
    "no time, aged by the file",
    { action: "drain" },
    { mtimeMs: nowMs - 5_000 },
    { kind: "lease", lease: { principal: "external", requestedAtMs: nowMs - 5_000, from: "marker" } },
  ],
  ["no time, and the file is old", { action: "drain" }, { mtimeMs: nowMs - hour }, { kind: "expired" }],
  [
    "a time that is none, aged by the file",
    asked({ requested_at: "yesterday" }),
    { mtimeMs: nowMs - 7 },
    { kind: "lease", lease: { requestedAtMs: nowMs - 7 } },
  ],
  [
    "a clock that is a little ahead",
    asked({ requested_at: at(60_000) }),
    {},
    { kind: "lease", lease: { requestedAtMs: nowMs, expiresAtMs: nowMs + hour } },
  ],
  [
    "a time of the far future, aged by the file",
    asked({ requested_at: at(60_001) }),
    { mtimeMs: nowMs - 9 },
    { kind: "lease", lease: { requestedAtMs: nowMs - 9 } },
  ],
  ["a time of the far future in an old file", asked({ requested_at: at(9 * hour) }), { mtimeMs: nowMs - hour }, { kind: "expired" }],
  [
    "a file of the far future: no longer than an hour from now",
    {},
    { mtimeMs: nowMs + 9 * hour },
    { kind: "lease", lease: { expiresAtMs: nowMs + hour } },
  ],
  ["noise", undefined, {}, { kind: "lease", lease: { principal: "external", from: "unreadable" } }],
  ["noise that is old", undefined, { mtimeMs: nowMs - hour }, { kind: "expired" }],
  ["a list", [], {}, { kind: "lease", lease: { from: "unreadable" } }],
  [
    "wrong types all over",
    { requested_at: 5, principal: {}, epoch: 7, revision: true, suppress_notification: "yes" },
    {},
    { kind: "lease", lease: { principal: "external", suppressNotification: false } },
  ],
  ["suppressed notification", asked({ suppress_notification: true }), {}, { kind: "lease", lease: { suppressNotification: true } }],
])("[D5] [D6] [D7] [compat 26] [defect 6.4.1] a marker: %s", (_what, value, file, expected) => {
  expect(judgeDrainMarker(sight(value, file), emptyDrainBook, now)).toMatchObject(expected);
});

test("[compat 26] without an epoch of our own none is foreign", () => {
  expect(judgeDrainMarker(sight(asked({ epoch: "boot-0:40" })), emptyDrainBook, { wallMs: nowMs, epoch: "" }).kind).toBe("lease");
});

test("[D4] [compat 26] no marker: whoever took it away cancelled all", () => {
  expect(lookAtDrain(book(lease("a"), lease("b")), null, now)).toMatchObject({
    changed: true,
    marker: "keep",
    book: { revision: 6, leases: [] },
  });
  expect(lookAtDrain(book(), null, now)).toMatchObject({ changed: false, book: { revision: 5 } });
});

test("[D2] the marker says what the leases say together, in the original's keys", () => {
  const both = book(lease("a", { requestedAtMs: nowMs - 5, suppressNotification: true }), lease("b", { expiresAtMs: nowMs + 60 }));
  expect(DrainMarker.parse(unionMarker(both))).toEqual({
    action: "drain",
    requested_at: at(0),
    principal: "a, b",
    epoch,
    suppress_notification: false,
    expires_at: at(hour),
    revision: 5,
  });
});

test("our marker is kept while it is the union, written anew when it is not, removed with the last lease", () => {
  const ours = (revision: number) => sight({ ...unionMarker(book(lease("a"))), revision });
  expect(lookAtDrain(book(lease("a")), ours(5), now)).toMatchObject({ changed: false, marker: "keep" });
  expect(lookAtDrain(book(lease("a")), ours(4), now)).toMatchObject({ changed: true, marker: "write" });
  expect(lookAtDrain(book(), ours(4), now)).toMatchObject({ marker: "remove", book: { leases: [] } });
  const one = lookAtDrain(book(lease("a"), lease("b", { expiresAtMs: nowMs })), ours(5), now);
  expect(one).toMatchObject({ marker: "write", book: { leases: [{ principal: "a" }] } });
  expect(lookAtDrain(book(lease("a", { expiresAtMs: nowMs })), ours(5), now)).toMatchObject({ marker: "remove", book: { leases: [] } });
});

test("leases of another instantiation of the machine do not count, and our marker of then goes", () => {
  const old: DrainBook = { ...book(lease("a")), epoch: "boot-0:40" };
  expect(lookAtDrain(old, sight(unionMarker(old)), now)).toMatchObject({ marker: "remove", book: { leases: [], epoch } });
});

test("our marker whose leases were lost is a lease like any other", () => {
  const looked = lookAtDrain(emptyDrainBook, sight(unionMarker(book(lease("a"), lease("b")))), now);
  expect(looked).toMatchObject({ marker: "keep", book: { leases: [{ principal: "a, b", from: "marker", expiresAtMs: nowMs + hour }] } });
});

test("[defect 6.4.2] [D3] another's marker joins what is there, is renewed when it is written again, and a cancel of one leaves the others", () => {
  const joined = lookAtDrain(book(lease("a")), sight(asked()), now);
  expect(joined).toMatchObject({ marker: "write", book: { leases: [{ principal: "a" }, { principal: "nas" }] } });
  const left = withoutLease(joined.book, "nas", now);
  expect(left.leases.map(({ principal }) => principal)).toEqual(["a"]);
  const alone = lookAtDrain(book(), sight(asked()), now);
  expect(alone).toMatchObject({ marker: "keep", book: { seen: { ino: 7 } } });
  expect(lookAtDrain(alone.book, sight(asked()), now)).toMatchObject({ changed: false });
  const later = { wallMs: nowMs + 1000, epoch };
  const again = lookAtDrain(alone.book, sight(asked({ requested_at: at(1000) }), { ino: 8 }), later);
  expect(again.book.leases).toMatchObject([{ principal: "nas", expiresAtMs: nowMs + 1000 + hour }]);
});

test("another's marker whose lease was taken back is removed, not taken for a new one", () => {
  const alone = lookAtDrain(book(), sight(asked()), now);
  const cancelled = withoutLease(alone.book, "nas", now);
  expect(lookAtDrain(cancelled, sight(asked()), now)).toMatchObject({ marker: "remove", book: { leases: [] } });
});

test("a marker that was seen half written does not leave a lease of nobody behind", () => {
  const half = lookAtDrain(book(), sight(undefined), now);
  expect(half.book.leases).toMatchObject([{ principal: "external", from: "unreadable" }]);
  const whole = lookAtDrain(half.book, sight(asked(), { ino: 8 }), now);
  expect(whole.book.leases.map(({ principal }) => principal)).toEqual(["nas"]);
});

test("a marker from before the machine's start stays where it is, unless a lease needs its place", () => {
  const foreign = sight(asked({ epoch: "boot-0:1" }));
  expect(lookAtDrain(book(), foreign, now)).toMatchObject({ changed: false, marker: "keep" });
  expect(lookAtDrain(book(lease("a")), foreign, now)).toMatchObject({ marker: "write", book: { leases: [{ principal: "a" }] } });
  expect(lookAtDrain(book(), sight(asked({ requested_at: at(-hour) })), now)).toMatchObject({ marker: "remove" });
});

test("there is room for so many leases, and for one more asked by a file", () => {
  const full = book(...Array.from({ length: drainLeasesMax }, (_, index) => lease(`p${index}`)));
  expect(withLease(full, lease("new"), now)).toBeNull();
  expect(withLease(full, lease("p3"), now)?.leases).toHaveLength(drainLeasesMax);
  const looked = lookAtDrain(full, sight(asked()), now);
  expect(looked.book.leases).toHaveLength(drainLeasesMax);
  expect(looked.book.leases.at(-1)?.principal).toBe("nas");
});

test.each([
  ["nas", "nas"],
  [" a\u0000b\nc ", "a b c"],
  ["x".repeat(300), "x".repeat(200)],
  ["", null],
  [" \n", null],
  [7, null],
  [undefined, null],
])("the name %j", (given, name) => {
  expect(principalName(given)).toBe(name);
});

test("a name is never longer than its file takes, nor cut in half", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 500 }), (text) => {
      const name = principalName(text);
      if (name === null) return;
      expect(name.length).toBeLessThanOrEqual(200);
      expect(name).not.toMatch(/\p{Cc}/u);
      expect(principalName(name)).toBe(name);
    }),
  );
});

type Act =
  | { readonly kind: "begin"; readonly who: string; readonly ttlMs: number }
  | { readonly kind: "cancel"; readonly who: string | null }
  | { readonly kind: "outside"; readonly value: unknown }
  | { readonly kind: "unlink" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "clock"; readonly ms: number };

const who = fc.constantFrom("a", "b", "nas");
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant("begin" as const), who, ttlMs: fc.integer({ min: 1, max: hour }) }),
  fc.record({ kind: fc.constant("cancel" as const), who: fc.option(who) }),
  fc.record({
    kind: fc.constant("outside" as const),
    value: fc.oneof(
      fc.constant(undefined),
      fc.constant({}),
      fc.record({ principal: who, requested_at: fc.integer({ min: -2 * hour, max: 2 * hour }).map(at) }),
      fc.record({ principal: who, requested_at: fc.constant(at(0)), epoch: fc.constantFrom(epoch, "other:1", "") }),
    ),
  }),
  fc.constant({ kind: "unlink" as const }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: hour }) }),
  fc.record({ kind: fc.constant("clock" as const), ms: fc.integer({ min: -3 * hour, max: 3 * hour }) }),
);

test("whatever is done in whatever order: a look settles, marker and leases agree, and no lease has more than an hour left", () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 30 }), (all) => {
      let current = emptyDrainBook;
      let marker: MarkerSight | null = null;
      let wallMs = nowMs;
      let ino = 100;
      const write = (value: unknown): void => {
        marker = { stamp: { ino: ++ino, mtimeMs: wallMs, size: 9 }, value };
      };
      const look = (): DrainLook => {
        const looked = lookAtDrain(current, marker, { wallMs, epoch });
        current = looked.book;
        if (looked.marker === "write") write(unionMarker(current));
        if (looked.marker === "remove") marker = null;
        return looked;
      };
      for (const act of all) {
        if (act.kind === "pass") wallMs += act.ms;
        if (act.kind === "clock") wallMs += act.ms;
        if (act.kind === "outside") write(act.value);
        if (act.kind === "unlink") marker = null;
        look();
        if (act.kind === "begin") {
          const next = withLease(current, lease(act.who, { requestedAtMs: wallMs, expiresAtMs: wallMs + act.ttlMs }), { wallMs, epoch });
          if (next === null) throw new Error("three names need no more room");
          current = next;
          write(unionMarker(current));
        }
        if (act.kind === "cancel") {
          current = withoutLease(current, act.who, { wallMs, epoch });
          if (current.leases.length === 0) marker = null;
          else write(unionMarker(current));
        }
        look();
        const settled = look();
        expect(settled.changed).toBe(false);
        const { leases } = settled.book;
        if (leases.length === 0) expect(marker === null || settled.verdict.kind === "foreign_epoch").toBe(true);
        else expect(marker).not.toBeNull();
        expect(new Set(leases.map(({ principal }) => principal)).size).toBe(leases.length);
        for (const { expiresAtMs } of leases) {
          expect(expiresAtMs).toBeGreaterThan(wallMs);
          expect(expiresAtMs).toBeLessThanOrEqual(wallMs + drainLeaseMsMax);
        }
      }
    }),
  );
});
