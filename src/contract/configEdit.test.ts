import { expect, test } from "vitest";
import { editConfig, statedSettings } from "./configEdit.ts";
import { parseConfig } from "./configFile.ts";
import { parseHermesConfig } from "./hermesConfig.ts";

const edits = [
  { name: "gateway.port", value: 1 },
  { name: "tools.terminal_timeout_seconds", value: 60 },
] as const;

test.for([
  "",
  "# only a comment\n",
  "---\n# in a document\n...\n",
  "gateway:\n",
  "gateway:\n  # host: 0.0.0.0\n",
  "gateway: {port: 7, host: localhost}\n",
  "gateway: # web\n  # the port\n  port: 7 # seven\n\n# behind it\nlog:\n  level: 'warn'\n# end\n",
  "gateway:\n  port: 7\nother: [1, 2]\n",
  `gateway:\n  drain_secret: "${"a long text ".repeat(20)}"\n`,
])("what stands in a file stays: %j", (text) => {
  const edited = editConfig(text, edits);
  const before = parseConfig(text);
  const { config, problems } = parseConfig(edited);
  expect(problems.map(({ message }) => message)).toEqual(
    before.problems.filter(({ path }) => path !== "gateway").map(({ message }) => message),
  );
  expect(config).toEqual({
    ...before.config,
    gateway: { ...before.config.gateway, port: 1 },
    tools: { ...before.config.tools, terminal_timeout_seconds: 60 },
  });
  for (const comment of text.match(/#.*/g) ?? []) expect(edited).toContain(comment);
  expect(editConfig(edited, edits)).toBe(edited);
});

test("what a file states is told without the defaults", () => {
  expect([...statedSettings("gateway:\n  port: 7\n  host:\nlog:\n5: 6\n")]).toEqual([["gateway.port", 7]]);
  expect([...statedSettings("")]).toEqual([]);
});

const keysOf = (text: string | Uint8Array) => {
  const { keys } = parseHermesConfig(typeof text === "string" ? Buffer.from(text) : text);
  return keys === null ? null : Object.fromEntries(keys);
};

test("the original's file is YAML 1.1, with anchors and merges", () => {
  expect(keysOf("a: off\nb: {c: yes, d: 1_000, e: [1, 2], f: {}}\n")).toEqual({
    a: false,
    "b.c": true,
    "b.d": 1000,
    "b.e": [1, 2],
    "b.f": {},
  });
  expect(keysOf("base: &base {x: 1}\nthere:\n  <<: *base\n  z: 2\n")).toEqual({ "base.x": 1, "there.x": 1, "there.z": 2 });
  expect(keysOf("")).toEqual({});
  expect(keysOf("# nothing\n")).toEqual({});
  expect(keysOf("\uFEFFa: 1\n")).toEqual({ a: 1 });
});

test.for<[name: string, bytes: Uint8Array, problem: RegExp]>([
  ["noise", Uint8Array.of(0xff, 0xfe, 0x00, 0x80), /no text/],
  ["no YAML", Buffer.from("a: [1\nb: }"), /no YAML: /],
  ["a word", Buffer.from("hello"), /no keys/],
  ["a list", Buffer.from("- 1\n"), /no keys/],
  ["too much", Buffer.alloc(1_048_577, "#"), /larger than/],
  [
    "an endless text",
    Buffer.from(`a0: &a0 [x]\n${Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}]`).join("\n")}\n`),
    /cannot be read/,
  ],
])("what is none is told: %s", ([, bytes, problem]) => {
  const read = parseHermesConfig(bytes);
  expect(read.keys).toBeNull();
  expect(read.problem).toMatch(problem);
  expect(read.problem).not.toContain("\n");
});

test("a file that contains itself, or goes very deep, ends", () => {
  expect(Object.keys(keysOf("a: &a {b: *a, c: *a}\n") ?? {}).length).toBeLessThanOrEqual(10_000);
  expect(parseHermesConfig(Buffer.from(`${"{a: ".repeat(5000)}1${"}".repeat(5000)}`)).problem ?? "").not.toContain("\n");
});
