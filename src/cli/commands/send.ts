import { resolve } from "node:path";
import nodeProcess from "node:process";
import { HermaError, type ProcessId, type ProcessView } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import { keyBytes, keyNames, needsTerminal } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { InputPump } from "../inputPump.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";

export type SendOptions = { readonly enter?: boolean; readonly key?: readonly string[]; readonly file?: string; readonly eof?: boolean };

/** Bytes of a file sent at a time. */
const pieceBytes = 65_536;

/** `herma send`: the text and its Enter, then keys, then a file, then the end of input, as far as each was asked for. */
export async function send(cli: Cli, words: readonly string[], options: SendOptions): Promise<number> {
  const [reference, ...text] = words;
  const registry = await cli.registry();
  const id = registry.resolve(reference!);
  const view = registry.get(id);
  const typed = typedBytes(view, text.join(" "), text.length > 0, options);
  if (typed === "" && options.file === undefined && !options.eof) {
    throw new HermaError("BAD_REQUEST", "nothing to send", { hint: "Give a text, --key, --file, --enter or --eof." });
  }
  if (options.file !== undefined) {
    const bytes = await sendFile(cli, registry, id, typed, options.file, options.eof === true);
    if (cli.json) output.json({ id, bytes_written: bytes });
    return 0;
  }
  const result = await registry.write(id, { data: typed, eof: options.eof === true });
  if (cli.json) output.json({ id, ...result });
  return 0;
}

/** A terminal's Enter is a carriage return; on a pipe a line ends with a line feed. */
function typedBytes(view: ProcessView, text: string, hasText: boolean, options: SendOptions): string {
  const tty = view.tty !== null;
  const enter = (options.enter ?? hasText) ? (tty ? "\r" : "\n") : "";
  const keys = (options.key ?? []).map((name) => {
    const bytes = keyBytes(name);
    if (bytes === null) throw badOption("--key", name, `a key; there are ${keyNames.join(", ")}, ctrl- and alt- with a character`);
    if (tty) return bytes;
    if (needsTerminal(bytes)) {
      throw new HermaError("NO_TERMINAL", `${view.id} has no terminal, so ${name} would mean nothing to it`, {
        hint: "Use `herma kill ID --signal INT` for ctrl-c, `--eof` for ctrl-d; or start it with --tty.",
      });
    }
    return bytes === "\r" ? "\n" : bytes;
  });
  return text + enter + keys.join("");
}

async function sendFile(cli: Cli, registry: Registry, id: ProcessId, typed: string, file: string, eof: boolean): Promise<number> {
  const { clock, files } = await cli.system();
  const pump = new InputPump(registry, clock, id);
  let sent = 0;
  const push = async (bytes: Uint8Array) => {
    await pump.push(bytes);
    if (pump.closed) throw new HermaError("STDIN_CLOSED", `${id} took no more input after about ${sent} bytes`);
    sent += bytes.length;
  };
  await push(Buffer.from(typed));
  if (file === "-") {
    for await (const chunk of nodeProcess.stdin) await push(chunk as Uint8Array);
  } else {
    const path = resolve(file);
    for (let at = 0; ; ) {
      const piece = files.readRange(path, at, pieceBytes);
      if (piece === null) throw new HermaError("IO", `${path} does not exist`, { hint: "Nothing of it was sent." });
      if (piece.length === 0) break;
      await push(piece);
      at += piece.length;
    }
  }
  await pump.finish(eof);
  return sent;
}
