import nodeProcess from "node:process";
import { type ConfigEdit, configBytesMax, HermaError, homePaths, loadConfigEditor, loadConfigParser } from "../../contract/index.ts";
import { refuseOthersHome } from "../../lifecycle/index.ts";
import { type ImportRow, type NamedIn, planImport } from "../../rules/index.ts";
import type { System } from "../../system/index.ts";
import type { Cli } from "../cli.ts";
import { type HermesSettings, readHermesSettings } from "../hermesHome.ts";
import { output } from "../output.ts";
import { printTable } from "../printTable.ts";
import { readSettings } from "../settings.ts";
import { type Column, harmless } from "../table.ts";

export type ConfigImportOptions = { readonly dryRun?: boolean; readonly force?: boolean; readonly verbose?: boolean };

/** What a person is shown of one setting. */
type Shown = { readonly setting: string; readonly value: string; readonly from: string; readonly done: string };

const columns: readonly Column<Shown>[] = [
  { title: "SETTING", value: (row) => row.setting },
  { title: "VALUE", value: (row) => row.value },
  { title: "FROM", value: (row) => row.from },
  { title: "DONE", value: (row) => row.done, shrinks: true },
];

/** `herma config import`: takes over what a Hermes agent's settings say into the home's herma.yaml. Throws IMPORT_UNUSABLE, CONFIG_INVALID. */
export async function configImport(cli: Cli, words: readonly string[], options: ConfigImportOptions): Promise<number> {
  const system = await cli.system();
  const theirs = await readHermesSettings(system.files, words[0]);
  const { text, stated } = await ownSettings(cli, system);
  const plan = planImport(theirs.found, stated, { force: options.force === true });
  const edits = plan.rows.flatMap(({ outcome, setting, value }): ConfigEdit[] =>
    outcome === "set" && setting !== null && value !== null ? [{ name: setting, value }] : [],
  );
  const writes = edits.length > 0 && options.dryRun !== true;
  if (writes) await write(cli, system, text, edits);
  if (cli.json) output.json(asJson(cli, theirs, plan, { ...options, writes }));
  else tell(cli, theirs, plan, options);
  return 0;
}

type Own = { readonly text: string; readonly stated: ReadonlyMap<string, unknown> };

/** What herma.yaml says now. One with errors is not touched: what its owner wanted is not known. */
async function ownSettings(cli: Cli, system: System): Promise<Own> {
  const { config } = homePaths(cli.home);
  const read = await readSettings(system, cli.home);
  const wrong = read?.problems.find(({ severity }) => severity === "error");
  if (wrong !== undefined)
    throw new HermaError("CONFIG_INVALID", `${config}:${wrong.line}: ${wrong.message}; nothing was written`, {
      hint: "Mend it first: `herma config check` shows every problem.",
    });
  const text = system.files.read(config, configBytesMax)?.toString("utf8") ?? "";
  const { statedSettings } = await loadConfigEditor();
  return { text, stated: statedSettings(text) };
}

async function write(cli: Cli, system: System, text: string, edits: readonly ConfigEdit[]): Promise<void> {
  refuseOthersHome(cli.home, system.files, nodeProcess.getuid?.() ?? null);
  const [{ editConfig }, parse] = await Promise.all([loadConfigEditor(), loadConfigParser()]);
  const edited = editConfig(text, edits);
  const wrong = parse(edited).problems.find(({ severity }) => severity === "error");
  if (wrong !== undefined) throw new HermaError("INTERNAL", `the settings would not be readable (line ${wrong.line}: ${wrong.message})`);
  if (system.files.stat(cli.home) === null) system.files.makeFolder(cli.home);
  system.files.replace(homePaths(cli.home).config, edited, { durable: true, mode: 0o600 });
}

type Plan = ReturnType<typeof planImport>;

function asJson(cli: Cli, theirs: HermesSettings, { rows, others }: Plan, how: ConfigImportOptions & { readonly writes: boolean }) {
  return {
    path: homePaths(cli.home).config,
    from: { config: theirs.config, env: theirs.env },
    dry_run: how.dryRun === true,
    written: how.writes,
    settings: rows.map(({ setting, value, shown, from, outcome, why, passedOver }) => {
      // Text may be a secret: it is told as a person is told it.
      const told = value === null || typeof value === "string" ? shown : value;
      return { setting, value: told, from, outcome, why, passed_over: passedOver };
    }),
    not_taken: others,
  };
}

function tell(cli: Cli, theirs: HermesSettings, { rows, others }: Plan, { dryRun, verbose }: ConfigImportOptions): void {
  const path = homePaths(cli.home).config;
  if (rows.length > 0) {
    const shown = rows.map((row) => ({
      setting: row.setting ?? "-",
      value: row.shown,
      from: placeText(row.from),
      done: doneText(row, dryRun === true),
    }));
    printTable(columns, shown, verbose === true ? { width: null } : {});
  } else output.line(`${theirs.config ?? theirs.env} has no setting that Herma knows.`);
  if (verbose === true) for (const other of others) output.line(harmless(`not taken: ${placeText(other)}`));
  else if (others.length > 0)
    output.line(`${others.length} other${others.length === 1 ? " is" : "s are"} not taken; --verbose or --json names them.`);
  const count = rows.filter(({ outcome }) => outcome === "set").length;
  const settings = `${count} setting${count === 1 ? "" : "s"}`;
  if (count === 0) output.note(`Nothing ${dryRun === true ? "would be" : "was"} written to ${path}.`);
  else if (dryRun === true) output.note(`${settings} would be written to ${path}; without --dry-run they are.`);
  else output.note(`${settings} written to ${path}; what runs takes them up at its next start (\`herma gateway restart\`).`);
}

function placeText({ place, name }: NamedIn): string {
  return `${place}: ${name}`;
}

function doneText({ outcome, why, passedOver, from }: ImportRow, dryRun: boolean): string {
  const over =
    passedOver.length === 0
      ? ""
      : ` (goes before ${passedOver.map((each) => (each.place === from.place ? each.name : placeText(each))).join(", ")})`;
  const what = {
    set: `${dryRun ? "would be written" : "written"}${why === "" ? "" : ` ${why}`}`,
    same: "stands there already",
    kept: `left: ${why}`,
    refused: `not taken: ${why}`,
    unused: `not taken: ${why}`,
  }[outcome];
  return what + over;
}
