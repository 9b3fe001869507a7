import { type Config, configBytesMax, homePaths, loadConfigParser, type ParsedConfig } from "../contract/index.ts";
import type { RegistryConfig } from "../processes/index.ts";
import { nearest } from "../rules/index.ts";
import type { System } from "../system/index.ts";

/** Reads the home's herma.yaml; null when there is none. Throws IO when it cannot be read; a bad text is told in the problems. */
export async function readSettings(system: System, home: string): Promise<ParsedConfig | null> {
  const bytes = system.files.read(homePaths(home).config, configBytesMax * 4);
  if (bytes === null) return null;
  const parse = await loadConfigParser();
  return parse(bytes.toString("utf8"), { nearest });
}

/** The settings of the registry, in its own units. */
export function registrySettings(config: Config): Partial<RegistryConfig> {
  const { processes, keeper, variables } = config;
  return {
    liveMax: processes.live_max,
    finishedMax: processes.finished_max,
    finishedKeptMs: processes.finished_keep_days * 86_400_000,
    homeOutputBytesMax: processes.home_output_bytes_max,
    passVariables: variables.pass,
    graceMs: processes.grace_ms,
    answerMsMax: keeper.answer_timeout_seconds * 1000,
    keeperStartMsMax: keeper.start_timeout_seconds * 1000,
    keeperIdleGraceMs: keeper.idle_grace_seconds * 1000,
  };
}
