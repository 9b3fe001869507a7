import { expect, test } from "vitest";
import { parityFaults, type Row } from "./docs/parity.ts";
import { taggedTestsOf } from "./docs/testTags.ts";

test("tags are read from titles of every kind of test, and from comments at or in one", () => {
  const source = `
// Nothing here: array[1], [x], [P1y].
describe("a group [S3]", () => {
  test("[P35] [defect 6.1.4] one", () => {});
  test.each([["[P1]"]])("two %s [W7, peer 24]", () => {
    // [T6] what this line shows
    expect(value["[P2]"]).toBe("[P3]");
  });
  /** [compat 12] */
  it.skipIf(never || somehow())("three", () => {});
  test.each(table)(\`four \${here}\`, () => {});
});
const text = "[P4]";
`;
  expect(taggedTestsOf("a.test.ts", source).map(({ title, tags }) => [title, tags])).toEqual([
    ["a group", ["S3"]],
    ["one", ["P35", "defect 6.1.4"]],
    ["two %s", ["W7", "peer 24", "T6"]],
    ["three", ["compat 12"]],
  ]);
});

test("what was meant as a tag and is none is told", () => {
  const [found, ...others] = taggedTestsOf("a.test.ts", `test("[peer9] [P1; P2] [defect 6.1] [T7] x [peers]", () => {});`);
  expect(found).toMatchObject({ tags: ["T7"], broken: ["[peer9]", "[P1; P2]", "[defect 6.1]"] });
  expect(others).toEqual([]);
});

const row = (id: string, status: Row["status"], note?: string): Row => ({
  id,
  title: "x",
  status,
  ...(note === undefined ? {} : { note }),
});
const shows = (...tags: string[]) => [{ file: "a.test.ts", title: "t", tags, broken: [] }];

test("a row that says it is done and has no test is a fault, and so is a tag without a row", () => {
  expect(parityFaults([row("P1", "same"), row("defect 6.1.1", "mended"), row("S1", "planned")], shows("P1", "P99"))).toEqual([
    "docs/parity/rows.json: defect 6.1.1 is mended, and no test shows it",
    'a.test.ts: "t" names P99, which is no row of docs/parity/rows.json',
  ]);
  expect(parityFaults([row("P1", "same"), row("peer 9", "planned"), row("H9", "not taken", "why")], shows("P1", "peer 9"))).toEqual([]);
});

test("rows that stand twice, are left out without a reason, or are broken tags are faults", () => {
  const faults = parityFaults(
    [row("P1", "planned"), row("P1", "planned"), row("P2", "not taken")],
    [{ file: "a.test.ts", title: "t", tags: [], broken: ["[peer9]"] }],
  );
  expect(faults).toEqual([
    "docs/parity/rows.json: P1 stands there twice",
    "docs/parity/rows.json: P2 is not taken, and nothing says why",
    'a.test.ts: "t" has [peer9], which cannot be read as a tag',
  ]);
});
