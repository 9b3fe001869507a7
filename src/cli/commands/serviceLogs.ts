import { HermaError } from "../../contract/index.ts";
import { launchdLogPath } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";
import { theService, type WhoseService } from "../service.ts";

const linesDefault = 200;
const tailBytesMax = 1024 * 1024;

/** `herma gateway logs`: the newest lines that the service has logged. One run by hand logs to its terminal. */
export async function gatewayLogs(
  cli: Cli,
  _words: readonly string[],
  options: WhoseService & { readonly lines?: string },
): Promise<number> {
  const lines = options.lines === undefined ? linesDefault : Number(options.lines);
  if (!Number.isInteger(lines) || lines < 1 || lines > 100_000) throw badOption("--lines", options.lines ?? "", "a count from 1 to 100000");
  const service = await theService(cli, options);
  const text = service.plan.kind === "launchd" ? await fileTail(cli, launchdLogPath(service.plan.home), lines) : await service.log(lines);
  if (text === null) {
    throw new HermaError("SERVICE_FAILED", "the service manager does not show its log", {
      hint:
        service.plan.kind === "windows-task" ? "The Task Scheduler keeps none." : "journalctl may need root, or the group systemd-journal.",
    });
  }
  if (cli.json) output.json({ service: service.plan.name, lines: text.split("\n").filter((line) => line !== "") });
  else await output.write(text);
  return 0;
}

async function fileTail(cli: Cli, path: string, lines: number): Promise<string | null> {
  const { files } = await cli.system();
  const stat = files.stat(path);
  if (stat === null) return null;
  const bytes = files.readRange(path, Math.max(0, stat.size - tailBytesMax), tailBytesMax);
  return bytes === null ? null : `${bytes.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n")}\n`;
}
