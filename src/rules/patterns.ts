import { HermaError } from "../contract/index.ts";

/** The module `re2js`, handed in by whoever loaded it: it takes 20 ms to load, and most programs never match anything. */
export type Re2Module = Pick<typeof import("re2js"), "RE2JS">;

type Compiled = ReturnType<Re2Module["RE2JS"]["compile"]>;

/** A pattern matched in time proportional to the text. */
export type Pattern = {
  test(text: string): boolean;
  /** Every text that matches holds at least one of these; null when nothing of the kind is known. */
  readonly required: readonly Required[] | null;
};
/** `fold`: letters of ASCII count in either case. */
export type Required = { readonly text: string; readonly fold: boolean };

export type PatternEngine = {
  /**
   * Compiles RE2 source text. The same source is compiled once. Throws `HermaError` `BAD_REQUEST` with a sentence that says what is wrong with
   * the pattern.
   */
  readonly compile: (source: string) => Pattern;
  /**
   * One test for several patterns over text of several lines, divided by `\n`: true when one of the patterns matches one of the lines, and
   * sometimes when none does. Null when these patterns cannot be put together.
   */
  readonly anyOf: (sources: readonly string[]) => ((lines: string) => boolean) | null;
};

const cachedMax = 256;
/**
 * States a pattern may have besides one for each of its characters. Only counted repetitions make more, and each state can cost a step for
 * each character of a line.
 */
const extraStatesMax = 300;

export function createPatternEngine(re2: Re2Module): PatternEngine {
  const compileOne = cached((source: string) => compile(re2, source));
  const compileAny = cached((sources: string) => compileTogether(re2, JSON.parse(sources) as string[]));
  return { compile: compileOne, anyOf: (sources) => compileAny(JSON.stringify(sources)) };
}

/** Keeps what was made last. */
function cached<Made>(make: (key: string) => Made): (key: string) => Made {
  const kept = new Map<string, Made>();
  return (key) => {
    const made = kept.has(key) ? (kept.get(key) as Made) : make(key);
    kept.delete(key);
    kept.set(key, made);
    if (kept.size > cachedMax) kept.delete(kept.keys().next().value as string);
    return made;
  };
}

/** States of patterns put together; what is larger is slower than its parts. */
const togetherStatesMax = 2000;

function compileTogether(re2: Re2Module, sources: readonly string[]): ((lines: string) => boolean) | null {
  // A quote may be left open, and what asks for the text's ends, or takes `^` and `$` to be them, does not see a line's.
  if (sources.some((source) => /\\[AzQ]|\(\?[a-zA-Z]*-/.test(source))) return null;
  try {
    const together = re2.RE2JS.compile(sources.map((source) => `(?:${source})`).join("|"), re2.RE2JS.MULTILINE);
    return together.programSize() > togetherStatesMax ? null : (lines) => together.test(lines);
  } catch {
    // Such as two groups of the same name.
    return null;
  }
}

function compile(re2: Re2Module, source: string): Pattern {
  const wrong = (why: string): HermaError => new HermaError("BAD_REQUEST", `the pattern ${JSON.stringify(source)} ${why}`);
  let compiled: Compiled;
  try {
    compiled = re2.RE2JS.compile(source);
  } catch (error) {
    throw wrong(`is not one of RE2 (which knows no look-around and no back-references): ${reasonOf(error)}`);
  }
  if (compiled.programSize() > source.length + extraStatesMax) {
    throw wrong("repeats too much: matching it could take long. Use smaller counts, or * and +");
  }
  return { test: (text) => compiled.test(text), required: requiredOf(re2, source, compiled) };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error parsing regexp: /, "");
}

/** What the library itself looks for before it runs a pattern. It is not documented, so every part of it is checked as it is read. */
type Prefilter = { readonly type?: unknown; readonly str?: unknown; readonly subs?: unknown };
const exact = 1;
const allOf = 2;
const anyOf = 3;

function requiredOf(re2: Re2Module, source: string, compiled: Compiled): Required[] | null {
  const ignoringCase = /^\(\?([a-zA-Z]*i[a-zA-Z]*)\)/.exec(source);
  if (ignoringCase === null) return texts(compiled.re2().prefilter)?.map((text) => ({ text, fold: false })) ?? null;
  // The library gives up on letters of either case. The same pattern with case requires the same texts, up to their case.
  const flags = (ignoringCase[1] as string).replaceAll("i", "");
  const rest = source.slice(ignoringCase[0].length);
  // A later change of flags could not be told from here.
  if (/\(\?[a-zA-Z-]*i/.test(rest)) return null;
  let withCase: unknown;
  try {
    withCase = re2.RE2JS.compile(flags === "" ? rest : `(?${flags})${rest}`).re2().prefilter;
  } catch {
    return null;
  }
  const parts = texts(withCase)?.map(foldable);
  if (parts === undefined || parts.includes("")) return null;
  return parts.map((text) => ({ text, fold: true }));
}

/** The longest part of which every letter has no other form than its two of ASCII: `k` and `s` have relatives (the kelvin sign, the long s). */
function foldable(text: string): string {
  return text.split(/[^\x20-\x7e]|[kKsS]/).reduce((longest, part) => (part.length > longest.length ? part : longest), "");
}

function texts(prefilter: unknown): string[] | null {
  if (typeof prefilter !== "object" || prefilter === null) return null;
  const { type, str, subs } = prefilter as Prefilter;
  if (type === exact) return typeof str === "string" && str !== "" && str.isWellFormed() && !str.includes("\ufffd") ? [str] : null;
  if (!Array.isArray(subs) || subs.length === 0) return null;
  const parts = subs.map(texts);
  if (type === anyOf) return parts.every((part) => part !== null) ? parts.flat() : null;
  if (type !== allOf) return null;
  // The rarest is not known; the one whose shortest text is the longest comes near.
  const weight = (part: string[]): number => Math.min(...part.map((text) => text.length));
  let best: string[] | null = null;
  for (const part of parts) if (part !== null && (best === null || weight(part) > weight(best))) best = part;
  return best;
}
