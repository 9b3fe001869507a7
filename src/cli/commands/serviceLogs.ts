import nodeProcess from "node:process";
import { HermaError, homePaths } from "../../contract/index.ts";
import { followLogFile, LogFile, type Service } from "../../lifecycle/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";
import { findService, theService, type WhoseService } from "../service.ts";

export type GatewayLogsOptions = WhoseService & { readonly lines?: string; readonly follow?: boolean };

const linesDefault = 200;
const linesMax = 100_000;
/** A longer line without an end is printed in pieces. */
const lineCharactersMax = 65_536;

/** `herma gateway logs`: the newest lines, with `-f` until SIGINT. One that was started by hand prints to its terminal. */
export async function gatewayLogs(cli: Cli, _words: readonly string[], options: GatewayLogsOptions): Promise<number> {
  const lines = options.lines === undefined ? linesDefault : Number(options.lines);
  if (!Number.isInteger(lines) || lines < 1 || lines > linesMax)
    throw badOption("--lines", options.lines ?? "", `a count from 1 to ${linesMax}`);
  const source = await sourceOf(cli, options);
  if (options.follow === true) await followUntilInterrupted(cli, source, lines);
  else {
    const text = "file" in source ? await lastLines(cli, source.file, lines) : await source.service.log(lines);
    // A file that is not there yet, or what the manager did not say.
    if (text === null) throw notShown(source.name);
    if (cli.json) output.json({ service: source.name, lines: text.split("\n").filter((line) => line !== "") });
    else await output.write(text);
  }
  return 0;
}

/** Where the log stands, and the service's name; null for a gateway that is none. */
type Source = { readonly name: string | null } & ({ readonly service: Service } | { readonly file: string });

/** Throws SERVICE_NOT_INSTALLED where there is neither a service nor a gateway's log. */
async function sourceOf(cli: Cli, whose: WhoseService): Promise<Source> {
  const file = homePaths(cli.home).gatewayLog;
  // One that another gateway has started, at a restart, prints there as well.
  if ((await findService(cli, whose)) === null && (await cli.system()).files.stat(file) !== null) return { name: null, file };
  const service = await theService(cli, whose);
  const { kind, name } = service.plan;
  return kind === "launchd" ? { name, file } : { name, service };
}

async function lastLines(cli: Cli, file: string, lines: number): Promise<string | null> {
  return new LogFile((await cli.system()).files, file).lastLines(lines)?.toString("utf8") ?? null;
}

async function followUntilInterrupted(cli: Cli, source: Source, lines: number): Promise<void> {
  const print = cli.json ? jsonLines(source.name) : output.write;
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  nodeProcess.on("SIGINT", interrupt);
  try {
    if ("file" in source) await followLogFile(await cli.system(), source.file, { lines, signal: interrupted.signal, output: print });
    else await followManager(source.service, lines, print, interrupted.signal);
  } finally {
    nodeProcess.off("SIGINT", interrupt);
  }
}

type Print = (bytes: Uint8Array) => Promise<void> | undefined;

/** Throws SERVICE_FAILED when the manager's tool ends by itself. */
async function followManager(service: Service, lines: number, print: Print, signal: AbortSignal): Promise<void> {
  const stream = service.followLog(lines, print);
  if (stream === null) throw notShown(service.plan.name);
  signal.addEventListener("abort", stream.end);
  if (signal.aborted) stream.end();
  await stream.ended;
  if (!signal.aborted) throw notShown(service.plan.name);
}

/** One JSON object for each line. */
function jsonLines(service: string | null): Print {
  const decoder = new TextDecoder();
  let open = "";
  return (bytes) => {
    const lines = (open + decoder.decode(bytes, { stream: true })).split("\n");
    open = lines.pop()!;
    if (open.length > lineCharactersMax) {
      lines.push(open);
      open = "";
    }
    return output.write(lines.map((line) => (line === "" ? "" : `${JSON.stringify({ service, line })}\n`)).join(""));
  };
}

function notShown(name: string | null): HermaError {
  const hint =
    nodeProcess.platform === "win32" ? "The Task Scheduler keeps none." : "journalctl may need root, or the group systemd-journal.";
  return new HermaError("SERVICE_FAILED", `the service manager does not show the log of ${name ?? "the gateway"}`, { hint });
}
