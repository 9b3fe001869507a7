import { expect, test } from "vitest";
import { keyBytes, keyNames, needsTerminal } from "./keys.ts";

test.each([
  ["ctrl-c", "\x03"],
  ["Ctrl-C", "\x03"],
  ["c-c", "\x03"],
  ["ctrl-\\", "\x1c"],
  ["ctrl-@", "\0"],
  ["ctrl-?", "\x7f"],
  ["enter", "\r"],
  ["Up", "\x1b[A"],
  ["alt-b", "\x1bb"],
  ["alt-B", "\x1bB"],
  ["alt-enter", "\x1b\r"],
  ["f12", "\x1b[24~"],
])("key %s", (name, bytes) => {
  expect(keyBytes(name)).toBe(bytes);
});

test.each(["", "ctrl-", "ctrl-1", "ctrl-cc", "alt-", "alt-nothing", "f13", "constructor"])("%j is no key", (name) => {
  expect(keyBytes(name)).toBeNull();
});

test("every name that is offered is a key", () => {
  for (const name of keyNames) expect(keyBytes(name), name).not.toBeNull();
});

test("only keys of the line discipline need a terminal", () => {
  expect(needsTerminal("\x03")).toBe(true);
  expect(needsTerminal("\r")).toBe(false);
});
