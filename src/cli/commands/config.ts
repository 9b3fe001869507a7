import { defaultConfig, errorCatalogue, homePaths, type ParsedConfig } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { readSettings } from "../settings.ts";

/** `herma config show`: every setting in force, as a herma.yaml would have it. */
export async function configShow(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const { config, problems } = await settingsOf(cli);
  // Others may see a terminal; whoever needs the secret finds it in the file.
  const shown = { ...config, gateway: { ...config.gateway, drain_secret: config.gateway.drain_secret === "" ? "" : "***" } };
  if (cli.json) {
    output.json(shown);
    return 0;
  }
  for (const [section, settings] of Object.entries(shown)) {
    output.line(output.style("bold", `${section}:`));
    for (const [key, value] of Object.entries(settings)) output.line(`  ${key}: ${JSON.stringify(value)}`);
  }
  if (problems.length > 0) output.note(`${problems.length} problem${problems.length === 1 ? "" : "s"}; \`herma config check\` shows them`);
  return 0;
}

/** `herma config check`: exit 78 when the gateway would not start on it; warnings alone are told and exit 0. */
export async function configCheck(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const { problems, found } = await settingsOf(cli);
  const path = homePaths(cli.home).config;
  if (cli.json) output.json({ path, found, problems });
  else {
    for (const problem of problems) {
      const place = problem.path === "" ? "" : ` ${problem.path}:`;
      output.line(
        `${path}:${problem.line}: ${output.style(problem.severity === "error" ? "red" : "yellow", problem.severity)}:${place} ${problem.message}`,
      );
      if (problem.hint !== "") output.line(`  hint: ${problem.hint}`);
    }
    if (problems.length === 0) output.line(found ? `${path} is fine` : `there is no ${path}; every setting has its default`);
  }
  return problems.some((problem) => problem.severity === "error") ? errorCatalogue.CONFIG_INVALID.exit : 0;
}

async function settingsOf(cli: Cli): Promise<ParsedConfig & { readonly found: boolean }> {
  const read = await readSettings(await cli.system(), cli.home);
  return read === null ? { config: defaultConfig(), problems: [], found: false } : { ...read, found: true };
}
