import type { LineBlock } from "./lineScan.ts";
import { bufferOf, createControlFinder, hasControlBytes, lineText, withoutSequences } from "./lineText.ts";
import { createNeedleFinder, type Needle, type NeedleFinder } from "./needleFinder.ts";

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
 *
 * A line is matched as a person sees it: decoded, without control sequences, up to 10,000 characters.
 */
export type WatchMatcher = {
  /**
   * Matches of whole lines, in order; a negative rule's come behind the line's own. A `once` rule that is not negative is switched off by its
   * match, so the lines behind it count for the rules after it.
   */
  match(block: LineBlock): LineMatch[];
  /** Switches a rule off or on. */
  setActive(rule: number, active: boolean): void;
  isActive(rule: number): boolean;
  /** False when there is nothing left to look for. */
  readonly active: boolean;
};

export type CompiledRule = {
  /** Absolute offset: output before it does not count. */
  readonly from: number;
  readonly negative: boolean;
  readonly once: boolean;
  /** Takes a line as a person sees it. */
  readonly test: (text: string) => boolean;
  /** One of them stands in every line that matches; null: every line has to be looked at. */
  readonly needles: readonly Needle[] | null;
  /** Of a rule without needles: one of them stands in every line that matches, too short for needles; null when nothing of the kind is known. */
  readonly shortNeedles: readonly Needle[] | null;
  /** The pattern's source; null for texts. */
  readonly source: string | null;
};

/** Makes one test of many patterns, for text of many lines; null when these do not go together. */
export type AnyOf = (sources: readonly string[]) => ((lines: string) => boolean) | null;

/** @param rules in order of precedence */
export function createLineMatcher(rules: readonly CompiledRule[], active: readonly boolean[], anyOf: AnyOf): WatchMatcher {
  return new Matcher(rules, active, anyOf);
}

/** Lines that are tested at once: enough to make the call cheap, few enough to lose little when one of them matches. */
const groupBytes = 8192;

/**
 * Most lines match nothing, so lines that cannot match are skipped first: one pass looks for the texts that rules need, one for control characters
 * that may hide such a text, and patterns that need no text are run all together over many lines. Only the remaining lines are decoded and tested
 * line by line, rule by rule.
 */
class Matcher implements WatchMatcher {
  readonly #rules: readonly CompiledRule[];
  readonly #on: boolean[];
  readonly #anyOf: AnyOf;
  #stale = true;
  #finder: NeedleFinder = createNeedleFinder([]);
  /** Some rule needs no text. */
  #everyLine = false;
  /** Tells whether such a rule may match one of many lines. */
  #anyLine: ((lines: string) => boolean) | null = null;
  /** One of them stands in each line that such a rule may match; null when nothing of the kind is known. */
  #shortFinder: NeedleFinder | null = null;

  constructor(rules: readonly CompiledRule[], active: readonly boolean[], anyOf: AnyOf) {
    this.#rules = rules;
    this.#on = [...active];
    this.#anyOf = anyOf;
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
    const begins = this.#beginsWithin(block);
    const shown = controls && !begins ? withoutSequences(raw) : raw;
    // Lines are always read from the raw bytes: of what was left out, only the ends of lines are known.
    const lines = shown === raw ? null : new LineStarts(shown, raw);
    this.#finder.search(shown);
    const hiding = controls && hasControlBytes(shown) ? shown : null;
    const next = this.#places(hiding);
    const short = hiding === null ? this.#shortFinder : null;
    short?.search(shown);
    const everyLine = begins || this.#everyLine;
    let group = { end: begins ? shown.length : 0, hit: begins };
    for (let at = 0; at < shown.length && this.active; ) {
      if (everyLine && at >= group.end) group = this.#group(shown, at, short);
      const found = everyLine && group.hit ? at : next(at);
      if (everyLine && !isBefore(found, group.end)) {
        at = group.end;
        continue;
      }
      if (found === -1) break;
      const from = lineStart(shown, found, at);
      const to = lineEnd(shown, found);
      const needed = !everyLine || isBefore(next(from), to);
      if (to > from) this.#matchLine(matches, { offset: block.offset, raw, from: lines?.at(from) ?? from, controls, needed });
      at = to + 1;
    }
    return matches;
  }

  /** True when a rule begins to count inside of the block: half a line may match what the whole does not. */
  #beginsWithin({ offset, bytes }: LineBlock): boolean {
    return this.#rules.some(({ from }, index) => this.#on[index] && from > offset && from < offset + bytes.length);
  }

  /** Tells the first place worth looking at: where a needle stands, or where a control may hide one. */
  #places(hiding: Buffer | null): (from: number) => number {
    const needles = this.#finder;
    if (hiding === null) return (from) => needles.next(from);
    const controls = createControlFinder(hiding);
    return (from) => {
      const needle = needles.next(from);
      const control = controls(from);
      if (control === -1) return needle;
      return needle === -1 || control < needle ? control : needle;
    };
  }

  /** The next lines, and whether one of them may match a rule that needs no text. */
  #group(shown: Buffer, from: number, short: NeedleFinder | null): { end: number; hit: boolean } {
    const end = Math.min(shown.length, lineEnd(shown, Math.min(from + groupBytes, shown.length)) + 1);
    if (short !== null && !isBefore(short.next(from), end)) return { end, hit: false };
    if (this.#anyLine === null || end - from > 2 * groupBytes) return { end, hit: true };
    return { end, hit: this.#anyLine(shown.toString("utf8", from, end).replaceAll("\r", "\n")) };
  }

  #matchLine(matches: LineMatch[], line: { offset: number; raw: Buffer; from: number; controls: boolean; needed: boolean }): void {
    const { offset, raw, from, controls } = line;
    const to = lineEnd(raw, from);
    const text = lineText(raw, from, to, controls);
    const negative: LineMatch[] = [];
    let taken = false;
    for (let index = 0; index < this.#rules.length; index++) {
      const rule = this.#rules[index]!;
      if (!this.#on[index] || (taken && !rule.negative) || (!line.needed && rule.needles !== null)) continue;
      const after = rule.from - offset;
      if (after >= to) continue;
      const seen = after <= from ? text : lineText(raw, after, to, controls);
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
    this.#finder = createNeedleFinder(on.flatMap((rule) => rule.needles ?? []));
    const loose = on.filter((rule) => rule.needles === null);
    this.#everyLine = loose.length > 0;
    const sources = loose.map((rule) => rule.source).filter((source) => source !== null);
    const short = loose.map((rule) => rule.shortNeedles);
    this.#shortFinder = short.includes(null) ? null : createNeedleFinder(short.flatMap((needles) => needles ?? []));
    this.#anyLine = loose.length > 0 && sources.length === loose.length ? this.#anyOf(sources) : null;
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

function isBefore(place: number, end: number): boolean {
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
