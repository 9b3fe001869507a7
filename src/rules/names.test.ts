import fc from "fast-check";
import { expect, test } from "vitest";
import { looksLikeId, nearest, parseReference } from "./names.ts";

test("a mistyped word finds its neighbour", () => {
  const words = ["start", "status", "stop", "restart"];
  expect(nearest("sart", words)).toBe("start");
  expect(nearest("STATSU", words)).toBe("status");
  expect(nearest("stop", words)).toBe("stop");
  expect(nearest("zzzzzz", words)).toBeNull();
  expect(nearest("", words)).toBeNull();
  expect(nearest("x", [])).toBeNull();
});

test("how far it may be grows with the word", () => {
  expect(nearest("ab", ["ac"])).toBe("ac");
  expect(nearest("ab", ["cd"])).toBeNull();
  expect(nearest("abc", ["ade"])).toBe("ade");
  expect(nearest("abc", ["def"])).toBeNull();
});

test("of two the nearer one, of two as near the first", () => {
  expect(nearest("cat", ["cut", "cat"])).toBe("cat");
  expect(nearest("cat", ["cut", "cot"])).toBe("cut");
});

test.each([
  ["proc_0123456789ab", { kind: "id", value: "proc_0123456789ab" }],
  ["  PROC_0123456789AB\n", { kind: "id", value: "proc_0123456789ab" }],
  ["proc_0123", { kind: "prefix", value: "proc_0123" }],
  ["proc_0123456789a", { kind: "prefix", value: "proc_0123456789a" }],
  ["proc_012", { kind: "name", value: "proc_012" }],
  ["proc_0123456789abc", { kind: "name", value: "proc_0123456789abc" }],
  ["cafe", { kind: "word", value: "cafe", prefix: "proc_cafe" }],
  ["CAFE", { kind: "word", value: "CAFE", prefix: "proc_cafe" }],
  ["0123456789ab", { kind: "word", value: "0123456789ab", prefix: "proc_0123456789ab" }],
  ["abc", { kind: "name", value: "abc" }],
  ["0123456789abc", { kind: "name", value: "0123456789abc" }],
  ["web-server.1", { kind: "name", value: "web-server.1" }],
  ["", null],
  ["..", null],
  ["../etc", null],
  ["a b", null],
  ["proc_*", null],
])("[compat 15] %j is read as %j", (text, reference) => {
  expect(parseReference(text)).toEqual(reference);
});

test.each(["proc_0123456789ab", "PROC_x", "proc_"])("%j looks like an id", (name) => {
  expect(looksLikeId(name)).toBe(true);
});

test.each(["proc", "processor", "web", "a.proc_1", "cafe"])("%j does not look like an id", (name) => {
  expect(looksLikeId(name)).toBe(false);
});

test("no reference can name a path", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const reference = parseReference(text);
      if (reference !== null) expect(reference.value).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
    }),
  );
});
