import { HermaError, type WatchRule } from "../contract/index.ts";
import { type CompiledRule, createLineMatcher, type WatchMatcher } from "./lineMatcher.ts";
import type { PatternEngine, Required } from "./patterns.ts";
import { plainText } from "./plainText.ts";

/** Rules a process may have. */
export const watchRulesMax = 64;

/** A rule as it stands with one process. */
export type WatchedRule = {
  readonly rule: WatchRule;
  /** Absolute offset: output before it does not count. Of a line that began before it, the rule sees what is behind it. Default 0. */
  readonly from?: number;
  /** Default true. */
  readonly active?: boolean;
};

/** How a rule is written in notices and messages. */
export function patternText(rule: Pick<WatchRule, "match">): string {
  return typeof rule.match === "string" ? rule.match : rule.match.re2;
}

/**
 * Makes a matcher of rules in order of precedence. Throws `HermaError` `BAD_REQUEST` with a sentence for people: a pattern that is not RE2's,
 * that repeats too much or fits an empty line, a text that no line can hold, too many rules.
 */
export function compileWatchRules(watched: readonly WatchedRule[], engine: PatternEngine): WatchMatcher {
  if (watched.length > watchRulesMax) throw new HermaError("BAD_REQUEST", `a process has at most ${watchRulesMax} watch rules`);
  return createLineMatcher(
    watched.map(({ rule, from }) => compileRule(rule, from ?? 0, engine)),
    watched.map(({ active }) => active ?? true),
    engine.anyOf,
  );
}

function compileRule(rule: WatchRule, from: number, engine: PatternEngine): CompiledRule {
  const kind = { from, negative: rule.negative_seconds !== undefined, once: rule.mode === "once" };
  if (typeof rule.match === "string") {
    const wanted = literalOf(rule.match);
    // The sign for broken characters stands for bytes that cannot be looked for; and half of a pair is in no text that was decoded.
    const needles = wanted.includes("\ufffd") || !wanted.isWellFormed() ? null : [{ bytes: Buffer.from(wanted), fold: false }];
    return { ...kind, test: (text) => text.includes(wanted), needles, shortNeedles: null, source: null };
  }
  const source = rule.match.re2;
  const pattern = engine.compile(source);
  if (pattern.test("")) {
    throw new HermaError("BAD_REQUEST", `the pattern ${JSON.stringify(source)} fits an empty line, so it would match nearly every line`);
  }
  const required = pattern.required?.map(({ text, fold }) => ({ bytes: Buffer.from(text), fold })) ?? null;
  // Less than three bytes are found too often to be worth a look at each place.
  const tooShort = required?.some((needle) => needle.bytes.length < 3) ?? false;
  const hints = { needles: tooShort ? null : required, shortNeedles: tooShort ? required : null };
  return { ...kind, ...hints, test: (text) => mayMatch(pattern.required, text) && pattern.test(text), source };
}

/** A search for fixed text costs a tenth of a run of the pattern. */
function mayMatch(required: readonly Required[] | null, text: string): boolean {
  return required === null || required.some((part) => part.fold || text.includes(part.text));
}

/** The visible part of a text: lines are matched without their colours, so a text that was copied with colours has to lose them. */
function literalOf(text: string): string {
  if (/[\r\n]/.test(text)) {
    throw new HermaError(
      "BAD_REQUEST",
      `${JSON.stringify(text)} holds a line break, and lines are matched one by one: take a part of one line`,
    );
  }
  const seen = plainText(text);
  if (seen === "") throw new HermaError("BAD_REQUEST", `${JSON.stringify(text)} has no character that could be seen in a line`);
  return seen;
}
