import { HermaError } from "../contract/index.ts";
import { cutText } from "./lineText.ts";
import { foldRepeats, plainText } from "./plainText.ts";

/** Characters of output in one notice. */
export const noticeOutputCharactersMax = 2000;

/** Characters nobody sees that change how text reads: directions of writing, tag characters, blanks without width. */
const invisible = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
/**
 * The beginning of a tag that could be taken for a frame: Herma's own, and those that programs around models use for the parts of a
 * conversation.
 */
const frameTag =
  /[<\uff1c\ufe64](?=[\s/]*(?:herma\b|herma-|output-|system\b|system[-_]|task[-_]notification|function[-_]|tool[-_]|antml|invoke\b|user\b|assistant\b|human\b|instructions?\b|notice\b|\|))/giu;

/** Makes text of an unknown writer unable to end or imitate a frame of this nonce. It stays readable: `<` becomes `‹`. */
export function defuse(text: string, nonce: string): string {
  return text.replace(invisible, "").replace(frameTag, "‹").replace(new RegExp(nonce, "gi"), "(a copied mark)");
}

/** Throws unless it is 8 to 64 letters and digits: what stands in a tag, and can be looked for in output without finding it by chance. */
export function requireNonce(nonce: string): void {
  if (!/^[A-Za-z0-9]{8,64}$/.test(nonce)) throw new HermaError("INTERNAL", "the nonce of a frame is 8 to 64 letters and digits");
}

/** How text of an unknown writer is made fit for a notice. */
export type Cleaning = { readonly nonce: string; readonly redact: (text: string) => string };

/** One line of at most `charactersMax` characters, for the middle of a sentence. */
export function oneLine(text: string, charactersMax: number, cleaning: Cleaning): string {
  const line = clean(text, cleaning).replace(/\s+/g, " ").trim();
  return line.length <= charactersMax ? line : `${cutText(line, charactersMax - 1)}…`;
}

/** The end of output, from the start of a line on where there is one in reach. `cut`: there was more before it. */
export function tailOf(text: string, cleaning: Cleaning): { readonly text: string; readonly cut: boolean } {
  const whole = clean(foldRepeats(plainText(text)), cleaning).trimEnd();
  if (whole.length <= noticeOutputCharactersMax) return { text: whole.replace(/^\n+/, ""), cut: false };
  let start = whole.length - noticeOutputCharactersMax;
  const lineStart = whole[start - 1] === "\n" ? start : whole.indexOf("\n", start) + 1;
  if (lineStart > 0) start = lineStart;
  else if (isLowHalf(whole.charCodeAt(start))) start += 1;
  return { text: whole.slice(start), cut: true };
}

/** The beginning of output. `cut`: there was more behind it. */
export function headOf(text: string, cleaning: Cleaning): { readonly text: string; readonly cut: boolean } {
  const whole = clean(text, cleaning).trimEnd();
  return { text: cutText(whole, noticeOutputCharactersMax), cut: whole.length > noticeOutputCharactersMax };
}

/** Redaction comes before any cut, since half a secret is no longer known as one, and behind the rendering, since colours can divide it. */
function clean(text: string, { nonce, redact }: Cleaning): string {
  return defuse(redact(plainText(text)), nonce);
}

function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
