import { expect, test } from "vitest";
import { DetachKeys } from "./detachKeys.ts";

test("Ctrl-\\ twice detaches, in one read or in two", () => {
  expect(new DetachKeys().feed("ab\x1c\x1ccd")).toEqual({ forward: "ab", detach: true });
  const keys = new DetachKeys();
  expect(keys.feed("\x1c")).toEqual({ forward: "", detach: false });
  expect(keys.holding).toBe(true);
  expect(keys.feed("\x1c")).toEqual({ forward: "", detach: true });
});

test("a single Ctrl-\\ reaches the program, before what follows it", () => {
  const keys = new DetachKeys();
  expect(keys.feed("\x1c").forward).toBe("");
  expect(keys.feed("x\x1cy").forward).toBe("\x1cx\x1cy");
  expect(keys.feed("\x1c").forward).toBe("");
  expect(keys.release()).toBe("\x1c");
  expect(keys.holding).toBe(false);
});

test("the newer keyboard protocols spell it differently", () => {
  expect(new DetachKeys().feed("\x1b[92;5u\x1b[92;5u").detach).toBe(true);
  expect(new DetachKeys().feed("\x1b[27;5;92~\x1c").detach).toBe(true);
  // With Num Lock and Caps Lock on, with the key's other names and its text, and where it is told that a key was let go of.
  expect(new DetachKeys().feed("\x1b[92;133u\x1b[92;197u").detach).toBe(true);
  expect(new DetachKeys().feed("\x1b[92::35;5:1;28u\x1b[92;5:3u\x1b[92;5:1u")).toEqual({ forward: "", detach: true });
  const keys = new DetachKeys();
  expect(keys.feed("\x1b[92;5:3u\x1b[92;5u\x1b[92;5:3ux").forward).toBe("\x1b[92;5:3u\x1b[92;5u\x1b[92;5:3ux");
  expect(new DetachKeys().feed("\x1b[A\x1b[92;6u")).toEqual({ forward: "\x1b[A\x1b[92;6u", detach: false });
});
