import { expect, test } from "vitest";
import { parseSize } from "./sizes.ts";

test.each([
  ["0", 0],
  ["65536", 65_536],
  ["64k", 65_536],
  ["64K", 65_536],
  ["64KiB", 65_536],
  ["64 kb", 65_536],
  ["1.5M", 1_572_864],
  ["2g", 2_147_483_648],
])("a size of %s is %i bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "k", "-1", "1e3", "64q", "0x10", "1 2", "99999999999999999T"])("%j is no size", (text) => {
  expect(parseSize(text)).toBeNull();
});
