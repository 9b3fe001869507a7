import nodeProcess from "node:process";
import { HermaError, homePaths } from "../../contract/index.ts";
import { followLogFile, LogFile, type Service } from "../../lifecycle/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";
import { theService, type WhoseService } from "../service.ts";

export type GatewayLogsOptions = WhoseService & { readonly lines?: string; readonly follow?: boolean };

const linesDefault = 200;
const linesMax = 100_000;
/** What has no line end by then is told as a line. */
const lineCharactersMax = 65_536;

/** `herma gateway logs`: the newest lines that the service has logged, with `-f` until SIGINT. One run by hand logs to its terminal. */
export async function gatewayLogs(cli: Cli, _words: readonly string[], options: GatewayLogsOptions): Promise<number> {
  const lines = options.lines === undefined ? linesDefault : Number(options.lines);
  if (!Number.isInteger(lines) || lines < 1 || lines > linesMax)
    throw badOption("--lines", options.lines ?? "", `a count from 1 to ${linesMax}`);
  const service = await theService(cli, options);
  const file = service.plan.kind === "launchd" ? homePaths(service.plan.home).gatewayLog : null;
  if (options.follow === true) {
    await followUntilInterrupted(cli, service, file, lines);
    return 0;
  }
  const text =
    file === null ? await service.log(lines) : (new LogFile((await cli.system()).files, file).lastLines(lines)?.toString() ?? null);
  if (text === null) throw notShown(service);
  if (cli.json) output.json({ service: service.plan.name, lines: text.split("\n").filter((line) => line !== "") });
  else await output.write(text);
  return 0;
}

async function followUntilInterrupted(cli: Cli, service: Service, file: string | null, lines: number): Promise<void> {
  const print = cli.json ? jsonLines(service.plan.name) : output.write;
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  nodeProcess.on("SIGINT", interrupt);
  try {
    if (file === null) await followManager(service, lines, print, interrupted.signal);
    else await followLogFile(await cli.system(), file, { lines, signal: interrupted.signal, output: print });
  } finally {
    nodeProcess.off("SIGINT", interrupt);
  }
}

type Print = (bytes: Uint8Array) => Promise<void> | undefined;

/** Throws SERVICE_FAILED when the manager's tool ends by itself. */
async function followManager(service: Service, lines: number, print: Print, signal: AbortSignal): Promise<void> {
  const stream = service.followLog(lines, print);
  if (stream === null) throw notShown(service);
  signal.addEventListener("abort", stream.end);
  if (signal.aborted) stream.end();
  await stream.ended;
  if (!signal.aborted) throw notShown(service);
}

/** One JSON object for each line. */
function jsonLines(service: string): Print {
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

function notShown({ plan }: Service): HermaError {
  const hint = plan.kind === "windows-task" ? "The Task Scheduler keeps none." : "journalctl may need root, or the group systemd-journal.";
  return new HermaError("SERVICE_FAILED", "the service manager does not show its log", { hint });
}
