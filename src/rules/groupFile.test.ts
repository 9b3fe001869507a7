import { expect, test } from "vitest";
import { groupNumber } from "./groupFile.ts";

test("a group's number stands in the third field of its line", () => {
  const text = "root:x:0:\nweb:x:33:alice,bob\nbroken\nodd:x:none:\n# web:x:1:\n";
  expect(groupNumber(text, "web")).toBe(33);
  expect(groupNumber(text, "root")).toBe(0);
  for (const name of ["odd", "broken", "alice", "we", ""]) expect(groupNumber(text, name)).toBeNull();
});
