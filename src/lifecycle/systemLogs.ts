import { type LogEvidence, readSystemLog } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { forTools, type Variables } from "./serviceManager.ts";

const askMsMax = 3_000;
const bytesMax = 1_048_576;

/**
 * What the logs of the kernel and of the service manager say about the end of a program. A log that is missing or may not be read says nothing.
 * `since`: when it was last seen, or null.
 */
export async function systemLogsOf(
  spawner: System["spawner"],
  variables: Variables,
  about: {
    readonly pid: number;
    readonly since: string | null;
    readonly unit: { readonly unit: string; readonly manager: "system" | "user" } | null;
  },
): Promise<LogEvidence> {
  const { unit, since } = about;
  const seconds = since === null || Number.isNaN(Date.parse(since)) ? null : Math.floor(Date.parse(since) / 1000);
  const recent = [
    "--no-pager",
    "--quiet",
    "--output=short",
    ...(seconds === null ? ["--lines=500"] : [`--since=@${seconds}`, "--lines=5000"]),
  ];
  const kernel = await output(spawner, variables, ["journalctl", "--dmesg", ...recent]);
  // The kernel's own buffer has no wall clock, but the pid must be named all the same.
  const buffer = kernel === "" ? await output(spawner, variables, ["dmesg"]) : "";
  const whose = unit?.manager === "user" ? ["--user", `--user-unit=${unit.unit}`] : [`--unit=${unit?.unit}`];
  const service = unit === null ? "" : await output(spawner, variables, ["journalctl", ...whose, ...recent]);
  return readSystemLog([kernel, buffer, service].join("\n"), about.pid, unit?.unit ?? null);
}

async function output(spawner: System["spawner"], variables: Variables, argv: readonly string[]): Promise<string> {
  const answer = await spawner.run({ argv, cwd: "/", variables: forTools(variables), timeoutMs: askMsMax, bytesMax });
  return answer === null || answer.code !== 0 ? "" : answer.stdout.toString("utf8");
}
