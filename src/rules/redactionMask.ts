/** A secret in a text, and what is shown in its place. Offsets are those of the string. */
export type Span = { readonly from: number; readonly to: number; readonly shown: string };

/** Shorter ones are masked whole: what would be left of them tells too much. */
const partsFrom = 18;
const whole = "***";
/** What is left of a secret at either end. All its characters are of words, so that no finder takes a masked secret apart. */
const wordEnds = /^[\w+/=.:-]{6}.*[\w+/=.:-]{4}$/s;

/** `***`, or of words of 18 characters and more the first 6 and the last 4, so that a person can tell two of them apart. */
export function mask(secret: string): string {
  if (isMasked(secret) || secret === "") return secret;
  return secret.length < partsFrom || !wordEnds.test(secret) ? whole : `${secret.slice(0, 6)}...${secret.slice(-4)}`;
}

/** A mask, or the end of one, is left as it is, so that a text may pass twice. */
export function isMasked(text: string): boolean {
  return text === whole || (text.length <= 13 && text.slice(-7, -4) === "...");
}

/** The span of `secret` when it stands at `from`. */
export function maskedAt(from: number, secret: string): Span {
  return { from, to: from + secret.length, shown: mask(secret) };
}

/** Sorted, and none over another: what two families find is masked once. */
export function disjoint(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const last = result.at(-1);
    if (last === undefined || span.from >= last.to) result.push(span);
    else if (span.to > last.to) result[result.length - 1] = { from: last.from, to: span.to, shown: whole };
  }
  return result;
}

/** The text with disjoint spans masked. */
export function applied(text: string, spans: readonly Span[]): string {
  if (spans.length === 0) return text;
  let shown = "";
  let at = 0;
  for (const span of spans) {
    shown += text.slice(at, span.from) + span.shown;
    at = span.to;
  }
  return shown + text.slice(at);
}
