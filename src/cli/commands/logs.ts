import type { ProcessId } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import type { Clock, Timer } from "../../system/index.ts";
import type { Cli } from "../cli.ts";
import { follow } from "../follow.ts";
import { startOfLastLines } from "../lastLines.ts";
import { LineRenderer } from "../lineRenderer.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";
import { parseSize } from "../sizes.ts";

export type LogsOptions = {
  readonly follow?: boolean;
  readonly lines?: string;
  readonly all?: boolean;
  readonly since?: string;
  readonly tail?: string;
  readonly raw?: boolean;
  readonly search?: string;
  readonly re2?: boolean;
  readonly context?: string;
  readonly screen?: boolean;
  readonly gaps: boolean;
};

const linesByDefault = 200;
const linesMax = 10_000_000;
/** An unfinished line is shown when nothing more came for this long. */
const quietMs = 100;
/** Bytes in one JSON answer; `more` and `to` lead to the rest. */
const jsonBytesMax = 1_048_576;

/** `herma logs`: plain text with secrets masked, or the bytes as they are with `--raw`, or JSON; to the end there is now, or with `-f` to the end of the process. */
export async function logs(cli: Cli, words: readonly string[], options: LogsOptions): Promise<number> {
  const wish = startWish(options);
  const registry = await cli.registry();
  const id = registry.resolve(words[0]!);
  if (options.search !== undefined || options.screen === true) {
    const { showFound, showScreen } = await import("../lookups.ts");
    return options.search === undefined
      ? showScreen(cli, registry, id)
      : showFound(cli, registry, id, { ...options, search: options.search });
  }
  const end = registry.get(id).output.end;
  const since = await startOffset(registry, id, end, wish);
  const range = { since, ...(options.follow ? {} : { until: end }) };
  if (cli.json) await showJson(registry, id, range, options);
  else if (options.raw) await follow(registry, id, { ...range, gaps: options.gaps, bytes: output.write });
  else await showText(registry, id, range, options.gaps, (await cli.system()).clock);
  return 0;
}

type Wish = { readonly lines: number } | { readonly bytes: number } | { readonly offset: number };

function startWish(options: LogsOptions): Wish {
  const given = [
    options.all && "--all",
    options.since !== undefined && "--since",
    options.tail !== undefined && "--tail",
    options.lines !== undefined && "--lines",
  ];
  const names = given.filter((name) => name !== false && name !== undefined);
  if (names.length > 1) throw badOption(String(names[1]), String(names[0]), "something it goes together with: both say where to begin");
  if (options.all) return { offset: 0 };
  if (options.since !== undefined)
    return { offset: options.since === "start" ? 0 : wholeNumber("--since", options.since, Number.MAX_SAFE_INTEGER) };
  if (options.tail !== undefined) {
    const bytes = parseSize(options.tail);
    if (bytes === null) throw badOption("--tail", options.tail, "a size such as 4096 or 64K");
    return { bytes };
  }
  return { lines: options.lines === undefined ? linesByDefault : wholeNumber("--lines", options.lines, linesMax) };
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) throw badOption(option, text, `a whole number${max === linesMax ? ` up to ${max}` : ""}`);
  return number;
}

async function startOffset(registry: Registry, id: ProcessId, end: number, wish: Wish): Promise<number> {
  if ("offset" in wish) return Math.min(wish.offset, end);
  if ("bytes" in wish) return Math.max(0, end - wish.bytes);
  return await startOfLastLines(registry, id, end, wish.lines);
}

type Range = { readonly since: number; readonly until?: number };

async function showText(registry: Registry, id: ProcessId, range: Range, gaps: boolean, clock: Clock): Promise<void> {
  const renderer = new LineRenderer(output.columns() === null ? "\n" : "\r\x1b[K", registry.lineMask(id));
  let quiet: Timer | null = null;
  await follow(registry, id, {
    ...range,
    gaps,
    bytes: async (bytes) => {
      quiet?.cancel();
      await output.write(renderer.push(bytes));
      if (range.until === undefined) quiet = clock.after(quietMs, () => void output.write(renderer.quiet()));
    },
  });
  (quiet as Timer | null)?.cancel();
  await output.write(renderer.end());
}

async function showJson(registry: Registry, id: ProcessId, range: Range, options: LogsOptions): Promise<void> {
  const raw = options.raw === true;
  if (range.until !== undefined) {
    output.json(registry.read(id, { since: range.since, until: range.until, view: "delta", maxBytes: jsonBytesMax, raw }));
    return;
  }
  const renderer = raw ? null : new LineRenderer("\n", registry.lineMask(id));
  const decoder = new TextDecoder();
  let at = range.since;
  for await (const chunk of registry.follow(id, { since: range.since })) {
    if (chunk.kind === "gap") {
      if (options.gaps) output.json({ id, gap: { from: chunk.from, to: chunk.to } });
      at = chunk.to;
      continue;
    }
    const text = renderer === null ? decoder.decode(chunk.bytes, { stream: true }) : renderer.push(chunk.bytes);
    const to = chunk.offset + chunk.bytes.length;
    await output.write(`${JSON.stringify({ id, from: chunk.offset, to, text })}\n`);
    at = to;
  }
  const rest = renderer === null ? decoder.decode() : renderer.end();
  if (rest !== "") output.json({ id, from: at, to: at, text: rest });
  const view = registry.get(id);
  output.json({ id, phase: view.phase, exit: view.exit });
}
