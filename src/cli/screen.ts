import type { ProcessId, TerminalSize } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { follow } from "./follow.ts";
import { TerminalModes } from "./terminalModes.ts";

/** Output that is played into a terminal of our own to find out what its screen shows now. */
const replayBytesMax = 1_048_576;

/**
 * What to write to an emptied terminal of `size` so that it shows what the process's terminal shows now, in the same modes; and the absolute
 * offset of output up to which that is true.
 */
export async function screenNow(
  registry: Registry,
  id: ProcessId,
  from: TerminalSize,
  size: TerminalSize,
): Promise<{ text: string; upTo: number }> {
  const [headless, serialize] = await Promise.all([import("@xterm/headless"), import("@xterm/addon-serialize")]);
  const terminal = new headless.default.Terminal({ cols: from.cols, rows: from.rows, scrollback: 0, allowProposedApi: true });
  const addon = new serialize.default.SerializeAddon();
  terminal.loadAddon(addon as never);
  const modes = new TerminalModes();
  const end = registry.get(id).output.end;
  const pieces: Uint8Array[] = [];
  const upTo = await follow(registry, id, {
    since: Math.max(0, end - replayBytesMax),
    until: end,
    gaps: false,
    bytes: (bytes) => pieces.push(Uint8Array.from(bytes)),
  });
  for (const piece of pieces) {
    modes.feed(Buffer.from(piece).toString("latin1"));
    await new Promise<void>((done) => terminal.write(piece, done));
  }
  terminal.resize(size.cols, size.rows);
  const text = addon.serialize({ scrollback: 0 }) + modes.applying();
  terminal.dispose();
  return { text, upTo };
}
