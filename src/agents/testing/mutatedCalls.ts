import fc from "fast-check";
import { actions, processFields, terminalFields } from "../tools/descriptions.ts";

export type MutatedCall = { readonly tool: "terminal" | "process"; readonly input: unknown };

const oddStrings = fc.constantFrom(
  "",
  " ",
  "\0",
  "-1",
  "1e400",
  "null",
  "true",
  "[]",
  "{}",
  "../../etc/passwd",
  "/etc/passwd",
  "proc_",
  "proc_zzzz",
  "proc_ffffffffffff",
  "__proto__",
  "re2:(",
  "re2:",
  "match:",
  "quiet:-1",
  "port:99999",
  "http://",
  "input",
  "\ud800",
  "é\u0000\u202e",
  "x".repeat(10_000),
);
const oddNumbers = fc.constantFrom(-1, 0, 0.5, 1, 65_536, 2 ** 31, 2 ** 53, 1e308, -1e308);
const oddValues = fc.oneof(
  oddStrings,
  oddNumbers,
  fc.boolean(),
  fc.constant(null),
  fc.string(),
  fc.array(fc.oneof(oddStrings, oddNumbers), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.oneof(oddStrings, oddNumbers), { maxKeys: 3 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/**
 * Calls as models get them wrong: parameters left out, misspelt, of another kind, of another tool, too many; ids that are none; whole
 * inputs that are no object.
 * @param valid values that are right, by parameter; a parameter without one gets odd ones only
 */
export function mutatedCalls(valid: {
  readonly commands: readonly string[];
  readonly references: readonly string[];
}): fc.Arbitrary<MutatedCall> {
  const right: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    command: fc.constantFrom(...valid.commands),
    session_id: fc.constantFrom(...valid.references),
    session_ids: fc.array(fc.constantFrom(...valid.references), { maxLength: 3 }),
    action: fc.constantFrom(...actions),
    data: fc.constantFrom("x", "up ctrl-c", "30x120", "yes\n"),
    until: fc.constantFrom("exit", "match:x", "quiet:1", "input"),
    pattern: fc.constantFrom("x", "re2:x+"),
    signal: fc.constantFrom("CONT", "0", "USR9"),
    timeout: fc.constantFrom(0, 1),
    then_wait: fc.constantFrom(0, 0.01),
    yield_seconds: fc.constantFrom(0, 0.01),
    background: fc.boolean(),
  };
  const inputFor = (tool: MutatedCall["tool"]): fc.Arbitrary<unknown> => {
    const names = Object.keys(tool === "terminal" ? terminalFields : processFields);
    const name = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...names.filter((word) => Object.hasOwn(right, word))) },
      { weight: 8, arbitrary: fc.constantFrom(...names) },
      { weight: 1, arbitrary: fc.constantFrom(...names).map((word) => word.slice(1)) },
      { weight: 1, arbitrary: fc.constantFrom("id", "cmd", "cwd", "pid", "explanation", "__proto__", "constructor", "timeoutMs") },
      { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
    );
    const entry = name.chain((key) => {
      const own = Object.hasOwn(right, key) ? right[key] : undefined;
      const value = own === undefined ? oddValues : fc.oneof({ weight: 8, arbitrary: own }, { weight: 1, arbitrary: oddValues });
      return fc.tuple(fc.constant(key), value);
    });
    const needed = tool === "terminal" ? "command" : "action";
    const first = right[needed] ?? oddValues;
    const whole = fc
      .tuple(fc.option(fc.tuple(fc.constant(needed), first), { freq: 9 }), fc.array(entry, { maxLength: 3 }))
      .map(([start, rest]) => {
        // An own property of that name, as JSON.parse makes it.
        return JSON.parse(
          `{${[...(start === null ? [] : [start]), ...rest].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value) ?? "null"}`).join(",")}}`,
        ) as unknown;
      });
    return fc.oneof(
      { weight: 40, arbitrary: whole },
      { weight: 1, arbitrary: whole.map((input) => JSON.stringify(input)) },
      { weight: 1, arbitrary: fc.oneof(oddValues, fc.constant(undefined)) },
    );
  };
  return fc.constantFrom<MutatedCall["tool"]>("terminal", "process").chain((tool) => inputFor(tool).map((input) => ({ tool, input })));
}

/** What is wrong with an answer, or null: it must be JSON that says something, and a refusal a sentence that helps. */
export function wrongAnswer(result: { readonly content: unknown; readonly failed: boolean }): string | null {
  const { content, failed } = result;
  if (typeof content !== "object" || content === null || Object.keys(content).length === 0) return "it is no object that says something";
  const text = JSON.stringify(content);
  if (text !== JSON.stringify(JSON.parse(text))) return "it does not survive JSON";
  if (text.includes("fault of Herma")) return "it met a bug";
  const error = (content as { error?: unknown }).error;
  if (!failed) return null;
  if (typeof error !== "string" || error.trim().length < 12 || !error.includes(" ")) return "the refusal has no sentence";
  return null;
}
