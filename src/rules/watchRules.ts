import { HermaError, type WatchRule } from "../contract/index.ts";
import type { LineBlock } from "./lineScan.ts";
import { bufferOf, hasControlBytes, lineText, nextControl, withoutColours } from "./lineText.ts";
import { createNeedleFinder, type Needle, type NeedleFinder } from "./needleFinder.ts";
import type { PatternEngine } from "./patterns.ts";
import { plainText } from "./plainText.ts";

/** Rules a process may have. */
export const watchRulesMax = 64;

/** A line that a rule matched. */
export type LineMatch = {
  /** Place of the rule in the list. */
  readonly rule: number;
  /** Absolute offset at which the line begins: its key. */
  readonly offset: number;
  /** The line as a person sees it, at most 10,000 characters. */
  readonly text: string;
};

/**
 * Looks for rules in lines. A line counts once, for the first rule that matches it. A rule with `negative_seconds` waits for lines of its own
 * and takes none from the others: each of its matches is told, beside the line's own.
 */
export type WatchMatcher = {
  /**
   * Matches of whole lines, in order; a negative rule's come behind the line's own. A `once` rule that is not negative is switched off by its
   * match, so the lines behind it count for the rules after it.
   */
  match(block: LineBlock): LineMatch[];
  /** Switches a rule off, or on again (when its match was not let through). */
  setActive(rule: number, active: boolean): void;
  isActive(rule: number): boolean;
  /** False when there is nothing left to look for. */
  readonly active: boolean;
};

/** How a rule is written in notices and messages. */
export function patternText(rule: Pick<WatchRule, "match">): string {
  return typeof rule.match === "string" ? rule.match : rule.match.re2;
}

/** A rule as it stands with one process. */
export type WatchedRule = {
  readonly rule: WatchRule;
  /** Absolute offset: output before it does not count. Of a line that began before it, the rule sees what is behind it. Default 0. */
  readonly from?: number;
  /** Default true. */
  readonly active?: boolean;
};

/**
 * Makes a matcher of rules in order of precedence. Throws `HermaError` `BAD_REQUEST` with a sentence for people: a pattern that is not RE2's,
 * that repeats too much or fits an empty line, a text that no line can hold, too many rules.
 */
export function compileWatchRules(watched: readonly WatchedRule[], engine: PatternEngine): WatchMatcher {
  if (watched.length > watchRulesMax) throw new HermaError("BAD_REQUEST", `a process has at most ${watchRulesMax} watch rules`);
  return new Matcher(
    watched.map(({ rule, from }) => compileRule(rule, from ?? 0, engine)),
    watched.map(({ active }) => active ?? true),
  );
}

type CompiledRule = {
  readonly from: number;
  readonly test: (text: string) => boolean;
  /** One of them stands in every line that matches; null: every line has to be looked at. */
  readonly needles: readonly Needle[] | null;
  readonly negative: boolean;
  readonly once: boolean;
};

function compileRule(rule: WatchRule, from: number, engine: PatternEngine): CompiledRule {
  const kind = { from, negative: rule.negative_seconds !== undefined, once: rule.mode === "once" };
  if (typeof rule.match === "string") {
    const wanted = literalOf(rule.match);
    // Broken halves of characters have no bytes of their own to look for.
    const needles = wanted.isWellFormed() && !wanted.includes("\ufffd") ? [{ bytes: Buffer.from(wanted), fold: false }] : null;
    return { ...kind, test: (text) => text.includes(wanted), needles };
  }
  const pattern = engine(rule.match.re2);
  if (pattern.test("")) {
    throw new HermaError(
      "BAD_REQUEST",
      `the pattern ${JSON.stringify(rule.match.re2)} fits an empty line, so it would match nearly every line`,
    );
  }
  // Looking for less than three bytes finds too much.
  const required = pattern.required?.map(({ text, fold }) => ({ bytes: Buffer.from(text), fold })) ?? null;
  const needles = required === null || required.some((needle) => needle.bytes.length < 3) ? null : required;
  return { ...kind, test: (text) => pattern.test(text), needles };
}

/** What of a text a person would see: nobody can match the colours it was copied with. */
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

class Matcher implements WatchMatcher {
  readonly #rules: readonly CompiledRule[];
  readonly #on: boolean[];
  #finder: NeedleFinder | null = null;
  #everyLine = false;
  #stale = true;

  constructor(rules: readonly CompiledRule[], active: readonly boolean[]) {
    this.#rules = rules;
    this.#on = [...active];
  }

  get active(): boolean {
    return this.#on.includes(true);
  }

  isActive(rule: number): boolean {
    return this.#on[rule] === true;
  }

  setActive(rule: number, active: boolean): void {
    if (this.#on[rule] === undefined || this.#on[rule] === active) return;
    this.#on[rule] = active;
    this.#stale = true;
  }

  match(block: LineBlock): LineMatch[] {
    const matches: LineMatch[] = [];
    if (!this.active) return matches;
    if (this.#stale) this.#prepare();
    const raw = bufferOf(block.bytes);
    const controls = hasControlBytes(raw);
    const shown = controls ? withoutColours(raw) : raw;
    // Where every line holds nothing but its own characters, lines are read from what was searched.
    const lines = shown.length === raw.length ? null : new LineStarts(shown, raw);
    this.#finder?.search(shown);
    const next = this.#candidates(shown, controls);
    for (let at = 0; at < shown.length && this.active; ) {
      const found = this.#everyLine ? at : next(at);
      if (found === -1) break;
      const from = lineStart(shown, found, at);
      const to = lineEnd(shown, found);
      if (to > from) {
        const known = !this.#everyLine || (this.#finder !== null && isWithin(next(from), to));
        this.#matchLine(matches, block.offset, raw, lines?.at(from) ?? from, known);
      }
      at = to + 1;
    }
    return matches;
  }

  /** Tells the next place worth looking at: where a needle stands, or where a control may hide one. */
  #candidates(shown: Buffer, controls: boolean): (from: number) => number {
    const finder = this.#finder;
    const hidden = controls && hasControlBytes(shown);
    let control = hidden ? nextControl(shown, 0) : -1;
    return (from) => {
      if (control !== -1 && control < from) control = nextControl(shown, from);
      const needle = finder?.next(from) ?? -1;
      if (control === -1) return needle;
      return needle === -1 || control < needle ? control : needle;
    };
  }

  #matchLine(matches: LineMatch[], offset: number, raw: Buffer, from: number, known: boolean): void {
    const to = lineEnd(raw, from);
    const text = lineText(raw, from, to);
    let taken = false;
    const negative: LineMatch[] = [];
    for (let index = 0; index < this.#rules.length; index++) {
      const rule = this.#rules[index]!;
      if (!this.#on[index] || (taken && !rule.negative) || (!known && rule.needles !== null)) continue;
      const after = rule.from - offset;
      if (after >= to) continue;
      const seen = after <= from ? text : lineText(raw, after, to);
      if (!rule.test(seen)) continue;
      const match = { rule: index, offset: offset + from, text: seen };
      if (rule.negative) {
        negative.push(match);
        continue;
      }
      taken = true;
      if (rule.once) this.setActive(index, false);
      matches.push(match);
    }
    matches.push(...negative);
  }

  #prepare(): void {
    this.#stale = false;
    const on = this.#rules.filter((_, index) => this.#on[index]);
    this.#everyLine = on.some((rule) => rule.needles === null);
    const needles = on.flatMap((rule) => rule.needles ?? []);
    this.#finder = needles.length === 0 ? null : createNeedleFinder(needles);
  }
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

function isEnd(byte: number | undefined): boolean {
  return byte === lineFeed || byte === carriageReturn;
}

function lineStart(bytes: Uint8Array, at: number, from: number): number {
  let start = at;
  while (start > from && !isEnd(bytes[start - 1])) start -= 1;
  return start;
}

function lineEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && !isEnd(bytes[end])) end += 1;
  return end;
}

function isWithin(place: number, end: number): boolean {
  return place !== -1 && place < end;
}

/** Finds a line of bytes from which sequences were taken in the bytes they were taken from: both have the same ends of lines. */
class LineStarts {
  readonly #shown: Uint8Array;
  readonly #raw: Uint8Array;
  #shownAt = 0;
  #rawAt = 0;

  constructor(shown: Uint8Array, raw: Uint8Array) {
    this.#shown = shown;
    this.#raw = raw;
  }

  /** The place in the raw bytes of a line's start; later calls may not go back. */
  at(start: number): number {
    while (this.#shownAt < start) {
      this.#shownAt = lineEnd(this.#shown, this.#shownAt) + 1;
      this.#rawAt = lineEnd(this.#raw, this.#rawAt) + 1;
    }
    return this.#rawAt;
  }
}
