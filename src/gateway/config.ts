import {
  type Config,
  type ConfigProblem,
  configBytesMax,
  defaultConfig,
  HermaError,
  homePaths,
  loadConfigParser,
} from "../contract/index.ts";
import { nearest } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { Log } from "./types.ts";

/**
 * The settings of the home. Without a `herma.yaml` nothing that reads one is loaded. A gateway must not run for weeks on settings its owner
 * did not mean, so any error throws CONFIG_INVALID, which names all of them; warnings are logged.
 */
export async function readConfig(home: string, system: Pick<System, "files">, log: Log): Promise<Config> {
  const path = homePaths(home).config;
  if (system.files.stat(path)?.kind === "link") {
    throw new HermaError("CONFIG_INVALID", `${path} is a symbolic link, which is not followed`, {
      hint: "Put the file itself in its place.",
    });
  }
  const bytes = system.files.read(path, configBytesMax * 2);
  if (bytes === null) return defaultConfig();
  const parse = await loadConfigParser();
  const { config, problems } = parse(bytes.toString("utf8"), { nearest });
  const errors = problems.filter((problem) => problem.severity === "error");
  for (const problem of problems)
    if (problem.severity === "warning") log.warn({ path, line: problem.line, key: problem.path }, problem.message);
  const first = errors[0];
  if (first === undefined) return config;
  const others = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
  throw new HermaError("CONFIG_INVALID", `${path}:${first.line}: ${told(first)}${others}`, { data: { path, problems: errors } });
}

function told(problem: ConfigProblem): string {
  return problem.path === "" ? problem.message : `${problem.path}: ${problem.message}`;
}
