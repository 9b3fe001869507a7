import { lineBytesMax } from "./lineScan.ts";
import { createNeedleFinder } from "./needleFinder.ts";
import { plainText } from "./plainText.ts";

/** Characters of a line that are looked at. */
export const lineCharactersMax = 10_000;

/** Bytes that never reach a person's eye as they are: controls, but for tabs and the ends of lines. */
const controlBytes: readonly number[] = Array.from({ length: 0x20 }, (_, byte) => byte)
  .filter((byte) => byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
  .concat(0x7f);
/** First byte of the controls behind ASCII (U+0080 to U+009F), and of other characters. */
const wideControlLead = 0xc2;

const escapeByte = 0x1b;

const plainByte = 0;
const controlByte = 1;
const leadByte = 2;
const byteKinds = new Uint8Array(256);
for (const byte of controlBytes) byteKinds[byte] = controlByte;
byteKinds[wideControlLead] = leadByte;

/** A buffer over the same memory: its searches and its decoding are the fast ones. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** True when some line of the bytes may look different from its characters. */
export function hasControlBytes(bytes: Buffer): boolean {
  // Thirty searches by the processor's widest instructions are faster than one look at each byte.
  return controlBytes.some((byte) => bytes.includes(byte)) || (bytes.includes(wideControlLead) && nextControl(bytes, 0) !== -1);
}

/** The first control at or behind `from`, or -1. */
function nextControl(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const kind = byteKinds[bytes[at]!];
    if (kind === plainByte) continue;
    if (kind === controlByte) return at;
    const second = bytes[at + 1];
    if (second !== undefined && second >= 0x80 && second <= 0x9f) return at;
  }
  return -1;
}

/** Tells the first control at or behind a place, or -1; the places asked for may not go back. */
export function createControlFinder(bytes: Buffer): (from: number) => number {
  const present = controlBytes.filter((byte) => bytes.includes(byte));
  if (present.length > 4 || bytes.includes(wideControlLead)) {
    let found = -2;
    return (from) => {
      if (found !== -1 && found < from) found = nextControl(bytes, from);
      return found;
    };
  }
  const finder = createNeedleFinder(present.map((byte) => ({ bytes: Uint8Array.of(byte), fold: false })));
  finder.search(bytes);
  return (from) => finder.next(from);
}

/**
 * Sequences that show nothing and move nothing that {@link plainText} follows: colours and other control sequences but for `K` and `G`, titles
 * and links. Each alternative reads what an escape begins at most once, and none reads beyond the next escape.
 */
const silentSequences = /\x1b(?:\[[0-?]*[ -/]*[@-FH-JL-~]|\][ -~]*(?:\x07|\x1b\\))/g;

/**
 * The bytes without the most common sequences. The ends of lines stay, and a line that has no control left in it is the line as a person sees
 * it.
 */
export function withoutSequences(bytes: Buffer): Buffer {
  if (!bytes.includes(escapeByte)) return bytes;
  const text = bytes.toString("latin1");
  const rest = text.replace(silentSequences, "");
  return rest.length === text.length ? bytes : Buffer.from(rest, "latin1");
}

/**
 * One line as a person sees it: decoded, without control sequences, its first {@link lineCharactersMax} characters. Of a line longer than
 * {@link lineBytesMax} bytes no more than those are looked at.
 * @param from offset of its first byte in `bytes`
 * @param to behind its last byte, without its end
 * @param controls false when the caller knows that there are none
 */
export function lineText(bytes: Buffer, from: number, to: number, controls = true): string {
  const decoded = bytes.toString("utf8", from, Math.min(to, from + lineBytesMax));
  const text = controls ? plainText(decoded) : decoded;
  return text.length <= lineCharactersMax ? text : cutText(text, lineCharactersMax);
}

/** The first `length` characters (UTF-16 units), one less where a pair would be divided. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
