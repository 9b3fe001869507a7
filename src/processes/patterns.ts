import { HermaError } from "../contract/index.ts";
import { compileWatchRules, createPatternEngine, type PatternEngine, type WatchMatcher } from "../rules/index.ts";
import { lazily } from "./lazy.ts";

/** What to look for in lines: a text, or an RE2 pattern. */
export type Pattern = {
  /** A matcher of its own for each stream of lines. */
  matcher(): WatchMatcher;
  /** Whether a line that matches may stop matching when it goes on (`^done$`). */
  readonly endMatters: boolean;
};

let engine: PatternEngine | null = null;

/** What compiles patterns, loading RE2 at the first use. */
export function patternEngine(): PatternEngine {
  engine ??= createPatternEngine(lazily.re2());
  return engine;
}

/** Compiles a pattern, loading RE2 at the first use. Throws BAD_REQUEST with a sentence. */
export function compilePattern(text: string, re2: boolean): Pattern {
  if (text === "") throw new HermaError("BAD_REQUEST", "a pattern has at least one character");
  if (text.length > patternCharactersMax) throw new HermaError("BAD_REQUEST", `a pattern has at most ${patternCharactersMax} characters`);
  const made = patternEngine();
  const rules = [{ rule: { match: re2 ? { re2: text } : text, mode: "every" as const } }];
  const matcher = (): WatchMatcher => compileWatchRules(rules, made);
  // Told now, not at the first line.
  matcher();
  return { matcher, endMatters: re2 && endAssertion.test(text) };
}

const patternCharactersMax = 1000;

/** Assertions about what follows. In a class or quoted they are none, and then a match only comes a little later. */
const endAssertion = /\$|\\[zbB]/;
