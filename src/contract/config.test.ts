import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConfigProblem, configBytesMax, configSchema, defaultConfig, type ParsedConfig } from "./config.ts";
import { parseConfig as parse } from "./configFile.ts";

const nearest = (word: string, candidates: readonly string[]): string | null =>
  candidates.find((candidate) => candidate[0] === word[0]) ?? null;
const parseConfig = (text: string): ParsedConfig => parse(text, { nearest });
const onlyProblem = (text: string): ConfigProblem => {
  const { problems } = parseConfig(text);
  expect(problems).toHaveLength(1);
  return problems[0] as ConfigProblem;
};

test("what is in force without a file is what a file that says nothing gives, and nobody changes it for others", () => {
  expect(defaultConfig()).toEqual(configSchema().parse({}));
  defaultConfig().gateway.allowed_hosts.push("example.org");
  expect(defaultConfig()).toEqual(configSchema().parse({}));
});

test("every setting has a default", () => {
  expect(defaultConfig()).toEqual({
    gateway: {
      host: "127.0.0.1",
      port: 7717,
      allowed_hosts: [],
      drain_timeout_seconds: 60,
      drain_secret: "",
      restart_loop_boots: 3,
      restart_loop_gap_seconds: 300,
      frozen_loop_seconds: 45,
    },
    home: { group: null },
    keeper: { idle_grace_seconds: 60, start_timeout_seconds: 10, answer_timeout_seconds: 5 },
    processes: {
      live_max: 512,
      finished_keep_days: 7,
      finished_max: 512,
      output_bytes_max: 67_108_864,
      on_output_limit: "dropMiddle",
      grace_ms: 3000,
      memory_bytes_max: null,
      pids_max: null,
      cpu_percent_max: null,
      run_seconds_max: null,
      home_output_bytes_max: 4_294_967_296,
      on_gateway_stop: "keep",
    },
    tools: { terminal_timeout_seconds: 180 },
    variables: { pass: [] },
    redaction: { enabled: true },
    log: { level: "info" },
  });
  for (const text of ["", "# nothing\n", "\uFEFF", "{}", "null", "gateway:\nprocesses: {}\n"]) {
    expect(parseConfig(text)).toEqual({ config: defaultConfig(), problems: [] });
  }
});

test("what is written is read, the rest keeps its default", () => {
  const { config, problems } = parseConfig(
    "gateway:\r\n  port: 0 # any\r\nvariables: { pass: [A_TOKEN, b] }\r\nkeeper:\r\n  idle_grace_seconds: 0.5\r\n",
  );
  expect(problems).toEqual([]);
  expect(config.gateway).toMatchObject({ host: "127.0.0.1", port: 0 });
  expect(config.variables.pass).toEqual(["A_TOKEN", "b"]);
  expect(config.keeper.idle_grace_seconds).toBe(0.5);
});

describe("what is wrong is told with key, line and what was expected", () => {
  test.each<[string, Partial<ConfigProblem>]>([
    [
      "gateway:\n  port: soon",
      {
        path: "gateway.port",
        line: 2,
        severity: "error",
        message: 'the text "soon" stands where a whole number from 0 to 65535 is expected',
      },
    ],
    ["gateway:\n  port: '80'", { path: "gateway.port", line: 2, hint: "Remove the quotes. Its default is 7717." }],
    ["gateway: {port: 65536}", { path: "gateway.port", message: "65536 stands where a whole number from 0 to 65535 is expected" }],
    ["gateway: {port: 1.5}", { path: "gateway.port", message: "1.5 stands where a whole number from 0 to 65535 is expected" }],
    ["gateway: {port: .inf}", { path: "gateway.port" }],
    ["gateway: {host: 5}", { path: "gateway.host", message: "5 stands where text is expected" }],
    ["gateway: {host: [a]}", { path: "gateway.host", message: "a list stands where text is expected" }],
    ["gateway: {host: {a: b}}", { path: "gateway.host", message: "a group of keys stands where text is expected" }],
    [
      "\ngateway: 7717",
      {
        path: "gateway",
        line: 2,
        severity: "error",
        hint: "Known keys: host, port, allowed_hosts, drain_timeout_seconds, drain_secret, restart_loop_boots, restart_loop_gap_seconds, frozen_loop_seconds.",
      },
    ],
    ["- gateway", { path: "", line: 1, severity: "error" }],
    ["hello", { path: "", message: 'the text "hello" stands where keys are expected' }],
    [
      "log: {level: loud}",
      { path: "log.level", message: 'the text "loud" stands where one of trace, debug, info, warn, error, silent is expected' },
    ],
    ["variables:\n  pass:\n    - GOOD\n    - not good", { path: "variables.pass.1", line: 4 }],
    ["variables: {pass: A}", { path: "variables.pass", message: 'the text "A" stands where a list (each text) is expected' }],
    ["gateway:\n  prot: 1", { path: "gateway.prot", line: 2, severity: "warning", hint: "Did you mean gateway.port?" }],
    ["x: 1", { path: "x", severity: "warning", hint: "Known keys: gateway, home, keeper, processes, tools, variables, redaction, log." }],
    ["__proto__: {port: 1}", { path: "__proto__", severity: "warning" }],
    ["gateway: {constructor: 1}", { path: "gateway.constructor", severity: "warning" }],
    ["<<: {gateway: 1}", { path: "<<", severity: "warning" }],
    ["? [a, b]\n: 1", { severity: "warning" }],
    ["gateway:\n  port:", { path: "gateway.port", line: 2, severity: "warning", hint: "Its default, 7717, is used." }],
    ["gateway:\n  port: 1\n  port: 2", { path: "gateway.port", line: 3, severity: "error" }],
    ["gateway:\n  port: [", { path: "", severity: "error" }],
    ["gateway:\n\tport: 1", { path: "", line: 2, severity: "error" }],
    ["a: 1\n---\nb: 2", { path: "", severity: "error" }],
    ["gateway: &a {port: 1}\nlog: *a", { path: "", line: 2, message: "aliases (*) are not used here" }],
    ["gateway: {host: !!js/function 'x'}", { path: "", message: "tags (tag:yaml.org,2002:js/function) are not used here" }],
    ["gateway: {host: !env HOME}", { path: "", message: "tags (!env) are not used here" }],
  ])("%j", (text, expected) => {
    expect(onlyProblem(text)).toMatchObject(expected);
  });

  test("a bad value costs its neighbours nothing", () => {
    const { config, problems } = parseConfig("gateway:\n  host: 0.0.0.0\n  port: soon\nlog: {level: debug}\nnew: 1\n");
    expect(problems.map((problem) => [problem.path, problem.line])).toEqual([
      ["gateway.port", 3],
      ["new", 5],
    ]);
    expect(config.gateway).toMatchObject({ host: "0.0.0.0", port: 7717 });
    expect(config.log.level).toBe("debug");
  });

  test("of a text that is no YAML nothing is believed", () => {
    expect(parseConfig("gateway: {port: 80}\nlog: {level: debug").config).toEqual(defaultConfig());
  });
});

describe("hostile texts end soon", () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((name, index) => `${name}: &${name} [${`*${"abcdefghi"[index]},`.repeat(9)}]`).join("\n")}`;
  test.each([
    ["too large", `#${"x".repeat(configBytesMax)}`],
    ["many bytes in few characters", `#${"\u{1F600}".repeat(configBytesMax / 4)}`],
    ["a bomb of aliases", bomb],
    ["nested", "[".repeat(100_000)],
    ["nested maps", "{a: ".repeat(50_000)],
    ["nested by dashes", `${"- ".repeat(100_000)}`],
    ["a long key", `? ${"x".repeat(200_000)}\n: 1`],
  ])("%s", (_what, text) => {
    const { config, problems } = parseConfig(text);
    expect(config).toEqual(defaultConfig());
    expect(problems.length).toBeGreaterThan(0);
  });
});

test("whatever the text, the answer is a whole config and readable problems", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "gateway",
      "port",
      "log",
      "level",
      "pass",
      ":",
      " ",
      "\n",
      "  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "&a",
      "*a",
      "!!",
      "|",
      ">",
      "'",
      '"',
      "#",
      "?",
      "<<",
      "0x1f",
      "~",
      "\t",
      "---",
    ),
    fc.string(),
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(word, { maxLength: 60 }).map((words) => words.join("")),
  );
  fc.assert(
    fc.property(text, (source) => {
      const { config, problems } = parseConfig(source);
      expect(configSchema().parse(config)).toEqual(config);
      const lines = source.split(/\n/).length;
      for (const problem of problems) {
        expect(problem.message).not.toBe("");
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problem.line).toBeLessThanOrEqual(lines);
      }
    }),
    { numRuns: 1000 },
  );
});

test("every good config survives being written and read", () => {
  const settings = fc.record(
    {
      gateway: fc.record({ host: fc.string({ minLength: 1 }), port: fc.nat(65_535) }, { requiredKeys: [] }),
      processes: fc.record(
        { live_max: fc.integer({ min: 1, max: 10_000 }), on_output_limit: fc.constantFrom("dropMiddle", "pause", "kill") },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(settings, (given) => {
      // JSON is YAML.
      expect(parseConfig(JSON.stringify(given, null, 2))).toEqual({ config: configSchema().parse(given), problems: [] });
    }),
  );
});
