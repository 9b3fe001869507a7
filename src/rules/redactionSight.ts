import type { Span } from "./redactionMask.ts";

/** Sequences and characters that are not visible: they may stand in the middle of what a person reads as one word. */
const nothing = new RegExp(
  [
    // Control sequences, titles and links, other strings, other escapes.
    "\\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\x07\\x1b\\n]*(?:\\x07|\\x1b\\\\)|[PX^_][^\\x1b\\n]*\\x1b\\\\|[ -/]*[0-~])",
    "\\x9b[0-?]*[ -/]*[@-~]",
    // Controls but for the tab, the ends of lines and the backspace; characters without width, and what a cut leaves of a character.
    "[\\x00-\\x07\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufffd]",
  ].join("|"),
  "g",
);
const anything = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffd]/;

/**
 * Spans that `find` sees in a text without its invisible parts: colours, titles, characters without width, what a backspace removes. The spans are
 * those of the original text, invisible parts included. Null when the text has no invisible part.
 */
export function spansSeen(text: string, find: (seen: string) => readonly Span[]): Span[] | null {
  if (!anything.test(text)) return null;
  const { seen, places } = seenIn(text);
  return find(seen).map(({ from, to, shown }) => ({ from: places[from] as number, to: (places[to - 1] as number) + 1, shown }));
}

/** `places`: where each character that is seen stands in the text. */
function seenIn(text: string): { readonly seen: string; readonly places: Uint32Array } {
  const places = new Uint32Array(text.length);
  const parts: string[] = [];
  let count = 0;
  const take = (from: number, to: number): void => {
    parts.push(text.slice(from, to));
    for (let at = from; at < to; at += 1) places[count++] = at;
  };
  let at = 0;
  for (const match of text.matchAll(nothing)) {
    take(at, match.index);
    at = match.index + match[0].length;
  }
  take(at, text.length);
  const seen = parts.join("");
  return seen.includes("\b") ? goneBack(seen, places) : { seen, places };
}

function goneBack(text: string, places: Uint32Array): { readonly seen: string; readonly places: Uint32Array } {
  const kept: string[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\b") {
      if (kept.length > 0 && kept.at(-1) !== "\n") kept.pop();
      continue;
    }
    places[kept.length] = places[at] as number;
    kept.push(text[at] as string);
  }
  return { seen: kept.join(""), places };
}
