import type { Span } from "./redactionMask.ts";

/**
 * Private keys in armour (PEM, OpenSSH, PGP), also with the line breaks written as `\n`, and also with one end cut off: a window over a log
 * may begin or end inside of one.
 */
const armour = /-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
/** A line of a key's body: base64, a header such as `Proc-Type:`, or nothing. */
const bodyLine = /^[ \t>|]{0,16}(?:[A-Za-z0-9+/=]{0,128}|[A-Za-z-]{1,32}: .{0,256})\r?$/;
/** Longer than any key: an end that stands further off belongs to something else. */
const bodyCharactersMax = 32_768;
/** Lines of keys are short; in a longer one the breaks are written out. */
const lineCharactersMax = 400;

/** The bodies of private keys. */
export function keySpans(text: string): Span[] {
  const spans: Span[] = [];
  let open: number | null = null;
  let done = 0;
  for (const mark of marksIn(text)) {
    if (mark.kind === "BEGIN") {
      if (open !== null) add(spans, text, open, bodyEnd(text, open, mark.from));
      open = mark.to;
    } else {
      const near = open !== null && mark.from - open <= bodyCharactersMax;
      add(spans, text, near ? (open as number) : bodyStart(text, done, mark.from), mark.from);
      open = null;
      done = mark.to;
    }
  }
  if (open !== null) add(spans, text, open, bodyEnd(text, open, text.length));
  return spans;
}

/** Whether a private key has begun in this text and goes on to its end: the lines to come belong to it. */
export function keyStaysOpen(text: string): boolean {
  const last = marksIn(text).at(-1);
  return last?.kind === "BEGIN" && bodyEnd(text, last.to, text.length) === text.length;
}

type Mark = { readonly kind: "BEGIN" | "END"; readonly from: number; readonly to: number };

function marksIn(text: string): Mark[] {
  if (!text.includes("PRIVATE KEY")) return [];
  return [...text.matchAll(armour)].map((match) => ({
    kind: match[1] as "BEGIN" | "END",
    from: match.index,
    to: match.index + match[0].length,
  }));
}

/** Line breaks around the body stay, so that the armour stays on lines of its own. */
function add(spans: Span[], text: string, from: number, to: number): void {
  const inner = /^(?:\s|\\[rn])*/.exec(text.slice(from, Math.min(to, from + 64)))?.[0].length ?? 0;
  const start = from + inner;
  const rest = /(?:\s|\\[rn])*$/.exec(text.slice(Math.max(start, to - 64), to))?.[0].length ?? 0;
  const stop = to - rest;
  if (stop > start && text.slice(start, stop) !== "***") spans.push({ from: start, to: stop, shown: "***" });
}

/** Where a body without an end stops: in front of the first line that cannot be of a key. */
function bodyEnd(text: string, from: number, limit: number): number {
  // What follows on the armour's own line, as far as a text in quotes goes.
  let at = from + (/^[^"'\n]*\n?/.exec(text.slice(from, limit))?.[0].length ?? 0);
  if (text[at - 1] !== "\n") return at;
  while (at < limit) {
    const lineEnd = text.indexOf("\n", at);
    const stop = lineEnd === -1 || lineEnd > limit ? limit : lineEnd;
    if (stop - at > lineCharactersMax || !bodyLine.test(text.slice(at, stop))) return at;
    at = Math.min(limit, stop + 1);
  }
  return limit;
}

/** Where a body whose beginning was cut off starts: at the first of the lines before its end that can be of a key. */
function bodyStart(text: string, from: number, to: number): number {
  const before = text.slice(Math.max(from, to - bodyCharactersMax), to);
  const own = before.lastIndexOf("\n") + 1;
  let at = before.length;
  if (own < at) {
    // The end stands on the same line, as in JSON.
    while (at > own && /[A-Za-z0-9+/=\\]/.test(before[at - 1] as string)) at -= 1;
    return to - before.length + at;
  }
  while (at > 0) {
    const lineStart = at < 2 ? 0 : before.lastIndexOf("\n", at - 2) + 1;
    if (at - lineStart > lineCharactersMax || !bodyLine.test(before.slice(lineStart, at - 1))) break;
    at = lineStart;
  }
  return to - before.length + at;
}
