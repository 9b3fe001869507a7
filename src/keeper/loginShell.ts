import { keeperPaths } from "../contract/index.ts";
import type { ShellSnapshot, System } from "../system/index.ts";
import type { Log } from "./log.ts";

const snapshotTimeoutMs = 5000;

/** The shell that runs command strings, and what the user's login shell gives it. */
export type Shell = {
  readonly snapshot: ShellSnapshot;
  readonly shell: string /** Path of the snapshot's script, null when there is none. */;
  readonly script: string | null;
};

/** For commands that need neither shell nor login variables. */
export const noShell: Shell = { snapshot: { variables: {}, script: null, problem: null }, shell: "", script: null };

/** Asks the login shell once; what it would not say is told in the log, and commands then run without it. */
export async function askLoginShell(options: { system: System; home: string; generation: string; log: Log }): Promise<Shell> {
  const { system, home, generation, log } = options;
  const shell = system.shell.commandShell();
  const snapshot = await system.shell.snapshot(snapshotTimeoutMs);
  if (snapshot.problem !== null) log(`login shell: ${snapshot.problem}`);
  if (snapshot.script === null) return { snapshot, script: null, shell };
  const path = keeperPaths(home, generation).shellScript;
  try {
    system.files.replace(path, snapshot.script, { durable: false });
    return { snapshot, script: path, shell };
  } catch (error) {
    log(`login shell: its functions cannot be kept: ${String(error)}`);
    return { snapshot, script: null, shell };
  }
}

/** Puts the script back where somebody removed it: a shell that cannot read it would say so in the output of each command, or not run it at all. */
export function standing(system: Pick<System, "files">, shell: Shell): Shell {
  const { script, snapshot } = shell;
  if (script === null || snapshot.script === null) return shell;
  try {
    if (system.files.stat(script) === null) system.files.replace(script, snapshot.script, { durable: false });
    return shell;
  } catch {
    return { ...shell, script: null };
  }
}
