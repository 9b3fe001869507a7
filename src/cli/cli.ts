import { isAbsolute, resolve } from "node:path";
import nodeProcess from "node:process";
import type { Config } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import { ownFolder, userHome } from "./userHome.ts";

/** What every command gets: where the home is, in which form to answer, and the rooms below, opened when first asked for. */
export type Cli = {
  /** Absolute path of the home. */
  readonly home: string;
  /** Answer in JSON. */
  readonly json: boolean;
  system(): Promise<System>;
  registry(): Promise<Registry>;
  /** herma.yaml, with the default where it has none or a bad value, which is said; null without one. */
  settings(): Promise<Config | null>;
  /** Lets go of what was opened. */
  close(): Promise<void>;
};

/** Options that every command has. */
export type CommonOptions = { readonly home?: string; readonly json?: boolean };

export function openCli(options: CommonOptions): Cli {
  const home = homeOf(options.home);
  let system: Promise<System> | undefined;
  let registry: Promise<Registry> | undefined;
  let settings: Promise<Config | null> | undefined;
  const cli: Cli = {
    home,
    json: options.json === true,
    system: () => (system ??= openSystem(home)),
    registry: () => (registry ??= openTheRegistry(cli)),
    settings: () => (settings ??= cli.system().then((opened) => settingsOf(cli, opened))),
    close: async () => {
      // One that could not be opened has nothing to let go of; whoever asked for it was told why.
      const opened = await registry?.catch(() => null);
      await opened?.[Symbol.asyncDispose]();
    },
  };
  return cli;
}

async function openSystem(home: string): Promise<System> {
  const { nodeSystem } = await import("../system/index.ts");
  const system = nodeSystem();
  await checkHome(home, system);
  return system;
}

async function openTheRegistry(cli: Cli): Promise<Registry> {
  const [{ openRegistry, registryConfig }, system] = await Promise.all([import("../processes/index.ts"), cli.system()]);
  const settings = await cli.settings();
  return openRegistry({ home: cli.home, system, clientName: "cli", ...(settings === null ? {} : { config: registryConfig(settings) }) });
}

/** Without a herma.yaml nothing that reads one is loaded. */
async function settingsOf(cli: Cli, system: System): Promise<Config | null> {
  if (system.files.stat(`${cli.home}/herma.yaml`) === null) return null;
  const { readSettings } = await import("./settings.ts");
  const read = await readSettings(system, cli.home);
  if (read === null) return null;
  const wrong = read.problems.filter((problem) => problem.severity === "error");
  if (wrong.length > 0) {
    const { output } = await import("./output.ts");
    output.note(`herma: herma.yaml:${wrong[0]!.line}: ${wrong[0]!.message}; defaults are used (\`herma config check\` shows all)`);
  }
  return read.config;
}

/** The first look into the home: whoever may not enter it, or named something that is no folder, is told so. Throws HOME_UNUSABLE. */
async function checkHome(home: string, { files }: System): Promise<void> {
  try {
    if (!isAbsolute(home)) throw new Error("it is relative, and the folder this is run in was removed or lies too deep");
    // Node.js has put this character where the bytes were no UTF-8: what it would find, or make, is another folder.
    if (home.includes("\ufffd") && files.stat(home) === null) throw new Error("its path is not UTF-8");
    const kind = files.stat(home)?.kind;
    // Absent is a home that has not been made; what stands in its place would look just as empty.
    if (kind === undefined) return;
    if (kind === "folder") files.stat(`${home}/herma.yaml`);
    else if (files.stat(`${home}/.`) === null) throw new Error("something that is no folder stands there");
  } catch (cause) {
    const { HermaError } = await import("../contract/index.ts");
    throw new HermaError("HOME_UNUSABLE", `the home ${home} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** `--home`, else `HERMA_HOME`, else `~/.herma`. */
function homeOf(option: string | undefined): string {
  const said = option || nodeProcess.env.HERMA_HOME || `${userHome()}/.herma`;
  // One that is relative to nothing stays as it is, and is refused where it is first looked at.
  return isAbsolute(said) || ownFolder() !== null ? resolve(said) : said;
}
