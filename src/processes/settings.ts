import { type Config, defaultConfig } from "../contract/index.ts";
import type { RegistryConfig } from "./types.ts";

/** Live processes of one session; the home's own cap is herma.yaml's. */
export const livePerSessionMax = 64;

const dayMs = 86_400_000;

/** The registry's part of herma.yaml. */
export function registryConfig(config: Config): RegistryConfig {
  const { processes, keeper, variables } = config;
  return {
    liveMax: processes.live_max,
    finishedMax: processes.finished_max,
    finishedKeptMs: processes.finished_keep_days * dayMs,
    homeOutputBytesMax: processes.home_output_bytes_max,
    outputBytesMax: processes.output_bytes_max,
    onOutputLimit: processes.on_output_limit,
    memoryBytesMax: processes.memory_bytes_max,
    pidsMax: processes.pids_max,
    cpuPercentMax: processes.cpu_percent_max,
    runMsMax: processes.run_seconds_max === null ? null : Math.ceil(processes.run_seconds_max * 1000),
    graceMs: processes.grace_ms,
    passVariables: variables.pass,
    redaction: config.redaction.enabled,
    answerMsMax: keeper.answer_timeout_seconds * 1000,
    keeperStartMsMax: keeper.start_timeout_seconds * 1000,
    keeperIdleGraceMs: keeper.idle_grace_seconds * 1000,
  };
}

/** The given settings over the defaults. */
export function settingsOf(given: Partial<RegistryConfig> = {}): RegistryConfig {
  return { ...registryConfig(defaultConfig()), ...given };
}
