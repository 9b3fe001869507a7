import { keySpans, keyStaysOpen } from "./redactionKeys.ts";
import { applied, disjoint, mask, type Span } from "./redactionMask.ts";
import { printsSettings } from "./redactionMode.ts";
import { type AssignmentStyle, assignmentSpans, canBeSecret, isSecretName } from "./redactionNames.ts";
import { shapeSpans } from "./redactionShapes.ts";
import { spansSeen } from "./redactionSight.ts";
import { openSpan, vendorSpans } from "./redactionVendors.ts";

/** Whose output a text is: what a command prints decides how its text is read. */
export type TextSource = { readonly command?: string | readonly string[] | undefined };

/**
 * Masks secrets in what leaves Herma. Never used on what is executed, nor on the bytes of a process's output on disk.
 * A line that has been through it comes out of a second time as it is, unless what stood on it was a jumble of several kinds: then more is masked.
 */
export type Redactor = {
  /** Output of a command. Where the command prints variables or settings, values under secret names are masked as well. */
  text(output: string, source?: TextSource): string;
  /**
   * A piece of output whose neighbours are known: what a secret that begins before it, or goes on behind it, has in it is masked as well.
   * `after: ""` means that the text may go on: a token that has begun at its end counts.
   */
  piece(piece: { readonly before: string; readonly text: string; readonly after: string }, source?: TextSource): string;
  /** Output that comes line by line: the result remembers a private key that spans several. `open`: the last line is not whole yet. */
  stream(source?: TextSource): (text: string, options?: { readonly open?: boolean }) => string;
  /** A command as it may be shown: values of secret options and variables are masked, too. */
  command<T extends string | readonly string[]>(command: T): T extends string ? string : string[];
  /** The value of a variable or setting of this name. */
  value(name: string, value: string): string;
  /** JSON-like data: texts anywhere in it, and values under secret keys. Keeps what is no plain object or list as it is. */
  deep<T>(data: T): T;
};

/** Deeper data is shown as `***`: nothing of ours is that deep. */
const depthMax = 64;

/**
 * `enabled: false` gives one that changes nothing. It is made once at a start, from herma.yaml, so that no command of a model (an `export`, an
 * argument) can turn it off.
 */
export function createRedactor(options: { readonly enabled: boolean }): Redactor {
  return options.enabled ? masking : unchanging;
}

const masking: Redactor = {
  text: (output, source = {}) => applied(output, spansIn(output, styleOf(source))),
  piece: ({ before, text, after }, source = {}) => maskedPiece(before, text, after, styleOf(source)),
  stream: (source = {}) => {
    const style = styleOf(source);
    let key = false;
    return (text, { open = false } = {}) => {
      const before = key ? keyLine : "";
      if (!open) key = keyStaysOpen(before + text);
      return maskedPiece(before, text, open ? "" : "\n", style);
    };
  },
  command: maskedCommand,
  value: (name, value) => (isSecretName(name) && canBeSecret(value) ? mask(value) : masking.text(value)),
  deep: (data) => maskedData(data, depthMax),
};

const unchanging: Redactor = {
  text: (output) => output,
  piece: ({ text }) => text,
  stream: () => (text) => text,
  command: (command) => (typeof command === "string" ? command : [...command]) as never,
  value: (_name, value) => value,
  deep: (data) => data,
};

const keyLine = "-----BEGIN PRIVATE KEY-----\n";

/** Null: names alone do not make a secret. */
type Style = AssignmentStyle | null;

function styleOf(source: TextSource): Style {
  return source.command !== undefined && printsSettings(source.command) ? "dump" : null;
}

function spansIn(text: string, style: Style): Span[] {
  // What is too short to hold a secret of any family, mostly lines of a few words.
  if (text.length < 8) return [];
  const spans = plainSpans(text, style);
  const seen = spansSeen(text, (plain) => plainSpans(plain, style));
  return seen === null ? spans : disjoint([...spans, ...seen]);
}

function plainSpans(text: string, style: Style): Span[] {
  const named = style === null ? [] : assignmentSpans(text, style);
  return disjoint([...vendorSpans(text), ...shapeSpans(text), ...keySpans(text), ...named]);
}

function maskedPiece(before: string, text: string, after: string, style: Style): string {
  const start = before.length;
  const stop = start + text.length;
  const whole = before + text + after;
  const spans = spansIn(whole, style);
  const open = after === "" ? openSpans(whole) : [];
  const touching = (open.length === 0 ? spans : disjoint([...spans, ...open])).filter((span) => span.to > start && span.from < stop);
  return applied(
    text,
    touching.map((span) => ({
      from: Math.max(0, span.from - start),
      to: Math.min(text.length, span.to - start),
      shown: span.from < start ? "***" : span.shown,
    })),
  );
}

function openSpans(text: string): Span[] {
  const find = (plain: string): Span[] => {
    const open = openSpan(plain);
    return open === null ? [] : [open];
  };
  return [...find(text), ...(spansSeen(text, find) ?? [])];
}

/** Options whose value is a secret although their name does not say so, or whose name and password are joined by a colon. */
const userOptions = /^(?:-u|--user|--proxy-user|-U)$/;

function maskedCommand<T extends string | readonly string[]>(command: T): T extends string ? string : string[] {
  if (typeof command === "string") return applied(command, spansIn(command, "command")) as never;
  return (command as readonly string[]).map((word, index, words) => {
    const before = words[index - 1] ?? "";
    const name = /^--?([A-Za-z][A-Za-z0-9-]*)$/.exec(before)?.[1];
    if (name !== undefined && isSecretName(name) && canBeSecret(word)) return mask(word);
    if (userOptions.test(before) && /^[^:]+:./.test(word))
      return `${word.slice(0, word.indexOf(":") + 1)}${mask(word.slice(word.indexOf(":") + 1))}`;
    return applied(word, spansIn(word, "command"));
  }) as never;
}

function maskedData<T>(data: T, depth: number): T {
  if (typeof data === "string") return masking.text(data) as T;
  if (typeof data !== "object" || data === null) return data;
  if (depth === 0) return "***" as T;
  if (Array.isArray(data)) return data.map((item) => maskedData(item, depth - 1)) as T;
  const prototype = Object.getPrototypeOf(data);
  if (prototype !== Object.prototype && prototype !== null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      masking.text(key),
      typeof value === "string" ? masking.value(key, value) : maskedData(value as unknown, depth - 1),
    ]),
  ) as T;
}
