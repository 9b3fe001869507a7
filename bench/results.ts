import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { basename } from "node:path";
import nodeProcess from "node:process";
import type { Row } from "./measure.ts";
import { root } from "./programs.ts";
import { spreadText } from "./texts.ts";

const fileSystems: Readonly<Record<number, string>> = {
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  2035054128: "overlayfs",
  16914836: "tmpfs",
};

/** Where and of what a run is taken, as lines. To be asked before the first measure, since the benchmark is a load of its own. */
export function surroundings(): string[] {
  const cores = cpus();
  const load = loadavg()[0]!;
  // On two cores, one that is half taken already moves every number.
  const busy = load > cores.length / 4;
  return [
    `Date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `Commit: ${commit()}`,
    `Machine: ${cores.length} cores (${cores[0]?.model.trim() ?? "unknown"}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`,
    `Node.js: ${nodeProcess.version}`,
    "Herma: command line, gateway and keeper as built (`dist/`); the registry of the measures from the sources",
    `Homes: in ${tmpdir()} (${kindOfDisk(tmpdir())})`,
    `Load before the run: ${load.toFixed(2)}${busy ? " (busy: these numbers are doubtful)" : ""}`,
  ];
}

/** The file system at `folder`; of an ext4 also whether it keeps a journal, without which new files cost more the more were removed lately. */
function kindOfDisk(folder: string): string {
  const kind = fileSystems[statfsSync(folder).type] ?? "of another kind";
  if (kind !== "ext4") return kind;
  try {
    const { dev } = statSync(folder);
    const device = basename(readlinkSync(`/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`));
    const journals = readdirSync("/proc/fs/jbd2");
    return journals.some((name) => name.startsWith(`${device}-`)) ? "ext4" : "ext4 without a journal";
  } catch {
    return kind; // Whether it has one is not told here.
  }
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  try {
    const changed = git("status", "--porcelain", "--", "src", "bin", "bench/*.ts", "package.json", "package-lock.json") !== "";
    return `${git("rev-parse", "--short=12", "HEAD")}${changed ? " with changes" : ""}`;
  } catch {
    return `none (version ${JSON.parse(readFileSync(`${root}/package.json`, "utf8")).version})`;
  }
}

const heads = ["what", "baseline", "Herma", "ratio: median (p10–p90)", "goal", "met"] as const;

function cells(row: Row): string[] {
  const ratio = row.ratio === null ? "" : spreadText(row.ratio);
  return [row.what, row.baseline, row.herma, ratio, row.goal, row.met === null ? "" : row.met ? "yes" : "NO"];
}

/** The table as Markdown. */
export function table(rows: readonly Row[]): string {
  const line = (texts: readonly string[]): string => `| ${texts.map((text) => text.replaceAll("|", "\\|") || " ").join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map((row) => line(cells(row)))].join("\n");
}

/** The whole of RESULTS.md. */
export function resultsPage(place: readonly string[], rows: readonly Row[]): string {
  const missed = rows.filter((row) => row.met === false).length;
  const goals = rows.filter((row) => row.met !== null).length;
  return `# Results

Written by \`npm run bench -- --write\`; never by hand. Baseline and Herma are measured by turns in one run, so read the ratios: the
times are those of one machine at one hour. Medians everywhere; ratios are those of pairs.

${place.map((text) => `- ${text}`).join("\n")}

${goals - missed} of ${goals} goals met.

${table(rows)}
`;
}
