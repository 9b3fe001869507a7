import type { SpecFile } from "../contract/index.ts";
import { passedVariables } from "../rules/index.ts";
import type { ShellSnapshot, SpawnRequest } from "../system/index.ts";

/**
 * What is really executed for a spec: an argv as it is; a command string through the plain command shell, after the login shell's functions
 * and aliases were restored from the script (aliases are expanded when a line is parsed, so the command is parsed after the script ran).
 */
export function launchPlan(options: {
  spec: SpecFile;
  variables: Readonly<Record<string, string>>;
  loginVariables: boolean;
  /** Names that are passed although they would be held back. */
  pass: readonly string[];
  snapshot: ShellSnapshot;
  shell: string;
  /** Path of the script file, null when there is none. */
  script: string | null;
}): SpawnRequest {
  const { spec, snapshot, shell, script } = options;
  const variables: Record<string, string> = {
    // What a shell's start-up files export is held back like anything else: keys of providers, tokens of bots.
    ...(options.loginVariables ? passedVariables(snapshot.variables, options.pass) : {}),
    ...options.variables,
    [markVariable]: spec.id,
  };
  return { argv: argvOf(spec.command, shell, script), cwd: spec.cwd, variables, umask: spec.umask ?? usualUmask };
}

/** Whatever whoever started the keeper had. */
const usualUmask = 0o022;

/** The environment variable by which a process's descendants are known wherever they went. */
const markVariable = "HERMA_PROCESS_ID";

function argvOf(command: SpecFile["command"], shell: string, script: string | null): string[] {
  if (typeof command !== "string") return [...command];
  if (script === null) return [shell, "-c", command];
  // The positional parameters are emptied again before the command sees them.
  return [shell, "-c", '. "$1"; eval "set --\n$2"', shell, script, command];
}
