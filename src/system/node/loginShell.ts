import fs from "node:fs";
import { userInfo } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import nodeProcess from "node:process";
import type { LoginShell, ShellSnapshot, Spawner } from "../types.ts";
import { randomBytes } from "./randomness.ts";

const answerBytesMax = 8 * 1024 * 1024;
/** What belongs to the asked shell itself or to the terminal it sits in, not to what it would start. */
const notKept = new Set([
  "TERM",
  "SHLVL",
  "_",
  "PWD",
  "OLDPWD",
  "PS1",
  "PS2",
  "PS4",
  "PROMPT_COMMAND",
  "COLUMNS",
  "LINES",
  "HISTFILE",
  "HISTSIZE",
  "HISTFILESIZE",
]);
/** Families whose `-lic` and `-lc` are known to work. */
const askedInteractively = new Set(["bash", "zsh"]);

/** What the login shell is asked in; tests pass their own. */
export type ShellWorld = {
  readonly run: Spawner["run"];
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The shell in the user's passwd entry, if any. */
  readonly passwdShell: () => string | null;
};

export const realShellWorld = (run: Spawner["run"]): ShellWorld => ({ run, variables: nodeProcess.env, passwdShell: passwdShellOf });

function passwdShellOf(): string | null {
  try {
    return userInfo().shell;
  } catch {
    return null;
  }
}

/** The user's login shell. */
export function nodeLoginShell(world: ShellWorld): LoginShell {
  return { commandShell: () => commandShell(world), snapshot: (timeoutMs) => snapshot(world, timeoutMs) };
}

function commandShell(world: ShellWorld): string {
  const onPath = (world.variables.PATH ?? "").split(":").filter(isAbsolute);
  const folders = [...onPath, "/usr/bin", "/bin"];
  const bash = folders.map((folder) => join(folder, "bash")).find(isProgram);
  if (bash !== undefined) return bash;
  const own = world.variables.SHELL;
  if (own !== undefined && isAbsolute(own) && isProgram(own)) return own;
  return folders.map((folder) => join(folder, "sh")).find(isProgram) ?? "/bin/sh";
}

function isProgram(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return fs.statSync(path).isFile();
  } catch {
    return false;
  }
}

async function snapshot(world: ShellWorld, timeoutMs: number): Promise<ShellSnapshot> {
  const candidates = [world.variables.SHELL, world.passwdShell() ?? undefined, "/bin/sh"];
  const shell = candidates.find((path): path is string => path !== undefined && isAbsolute(path) && isProgram(path));
  if (shell === undefined) return fallback(world, "no login shell was found");
  const family = basename(shell);
  // People set PATH in .bashrc behind a check for an interactive shell, so that kind is asked first.
  const ways = askedInteractively.has(family) ? ["-lic", "-lc"] : ["-lc"];
  const deadline = performance.now() + timeoutMs;
  let late = false;
  for (const [index, way] of ways.entries()) {
    // The first way may use half of the time, so that a hang in it leaves time for the second.
    const leftMs = (deadline - performance.now()) / (ways.length - index);
    const answer = leftMs > 0 ? await ask(world, shell, family, way, leftMs) : "late";
    if (answer === "late") late = true;
    else if (answer !== "none") return answer;
  }
  return fallback(world, `the login shell ${shell} ${late ? `gave no answer within ${timeoutMs} ms` : "ended without an answer"}`);
}

type Answer = ShellSnapshot | "none" | "late";

async function ask(world: ShellWorld, shell: string, family: string, way: string, timeoutMs: number): Promise<Answer> {
  // Start-up files print what they like; only what stands between the marks is the answer.
  const mark = `herma-${randomBytes(12).toString("hex")}`;
  const command = questionOf(family, mark);
  const home = world.variables.HOME;
  const cwd = home !== undefined && isAbsolute(home) && fs.existsSync(home) ? home : "/";
  const result = await world.run({ argv: [shell, way, command], cwd, variables: given(world), timeoutMs, bytesMax: answerBytesMax });
  if (result === null) return "late";
  const parts = result.stdout.toString("utf8").split(mark);
  if (parts.length !== 4) return "none";
  const variables = parseVariables(parts[1]!);
  if (variables.PATH === undefined) return "none";
  return { variables, script: scriptOf(parts[2]!), problem: null };
}

/**
 * Prints MARK variables MARK functions and aliases MARK. The functions are asked for only where the command shell will understand them. An option
 * of Bash that is off is a failure, which would end a shell whose start-up files say `set -e`.
 */
function questionOf(family: string, mark: string): string {
  const functions = family === "bash" ? "declare -f; alias -p; shopt -p expand_aliases extglob || :" : ":";
  const printMark = `printf %s ${mark}`;
  return `${printMark}; command env -0; ${printMark}; ${functions}; ${printMark}`;
}

function parseVariables(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of text.split("\0")) {
    const at = entry.indexOf("=");
    if (at <= 0) continue;
    const name = entry.slice(0, at);
    if (!notKept.has(name) && !name.startsWith("BASH_FUNC_")) variables[name] = entry.slice(at + 1);
  }
  return variables;
}

/** Null when there is nothing to restore. Options come first: extglob decides how functions are read. */
function scriptOf(text: string): string | null {
  const lines = text.split("\n");
  const options = lines.filter((line) => /^shopt -[su] (expand_aliases|extglob)$/.test(line));
  const rest = lines
    .filter((line) => !/^shopt -[su] (expand_aliases|extglob)$/.test(line))
    .join("\n")
    .trim();
  if (rest === "") return null;
  // An interactive shell expands aliases; the plain one that will run commands must be told to.
  const wanted = [...options.filter((line) => !line.endsWith("expand_aliases")), "shopt -s expand_aliases"];
  return `${wanted.join("\n")}\n${rest}\n`;
}

function given(world: ShellWorld): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(world.variables)) if (value !== undefined) variables[name] = value;
  // A start-up file that opens a terminal multiplexer or a pager would never answer.
  return { ...variables, TERM: "dumb" };
}

function fallback(world: ShellWorld, problem: string): ShellSnapshot {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(world.variables)) {
    if (value !== undefined && !notKept.has(name) && !name.startsWith("BASH_FUNC_")) variables[name] = value;
  }
  return { variables, script: null, problem };
}
