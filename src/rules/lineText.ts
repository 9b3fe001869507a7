import { lineBytesMax } from "./lineScan.ts";
import { plainText } from "./plainText.ts";

/** Characters of a line that are looked at. */
export const lineCharactersMax = 10_000;

/** Bytes that never reach a person's eye as they are: controls, but for tabs and the ends of lines. */
const controlBytes: readonly number[] = Array.from({ length: 0x20 }, (_, byte) => byte)
  .filter((byte) => byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
  .concat(0x7f);
/** First byte of the controls behind ASCII (U+0080 to U+009F), and of other characters. */
const wideControlLead = 0xc2;

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
export function nextControl(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const kind = byteKinds[bytes[at]!];
    if (kind === plainByte) continue;
    if (kind === controlByte) return at;
    const second = bytes[at + 1];
    if (second !== undefined && second >= 0x80 && second <= 0x9f) return at;
  }
  return -1;
}

const colours = /\x1b\[[0-9;:]*m/g;

/**
 * The bytes without sequences of colour, which are most of the controls there are. Lines stay lines, and one that has no control left shows
 * what it now holds.
 */
export function withoutColours(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replace(colours, ""), "latin1");
}

/**
 * One line as a person sees it: decoded, without control sequences, its first {@link lineCharactersMax} characters. Of a line longer than
 * {@link lineBytesMax} bytes no more than those are looked at.
 * @param from offset of its first byte in `bytes`
 * @param to behind its last byte, without its end
 */
export function lineText(bytes: Buffer, from: number, to: number): string {
  const text = plainText(bytes.toString("utf8", from, Math.min(to, from + lineBytesMax)));
  return text.length <= lineCharactersMax ? text : cutText(text, lineCharactersMax);
}

/** The first `length` characters (UTF-16 units), one less where a pair would be divided. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
