import fs from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { getSystemErrorMap } from "node:util";
import type { SpawnFailure, SpawnRequest } from "../types.ts";
import { codeOf } from "./systemError.ts";

/** Where a program is looked for when the child has no PATH. */
const pathDefault = "/usr/local/bin:/usr/bin:/bin";

export type Program = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly failure: SpawnFailure };

/** A failure as a value. `what` is a sentence without its end. */
export function failureOf(error: string, what: string): { readonly ok: false; readonly failure: SpawnFailure } {
  return { ok: false, failure: { error, message: what } };
}

/** The options of a `child_process.spawn` whose child leads a session and a group of its own. */
export function asLeader({ argv, cwd, variables }: SpawnRequest): {
  argv0: string;
  cwd: string;
  env: Record<string, string>;
  detached: true;
} {
  return { argv0: argv[0]!, cwd, env: { ...variables }, detached: true };
}

/** What the search for a program asks of a file system. Each answer is null, or why not: the system's name of it, or a phrase. */
export type ProgramLook = {
  /** Can it be a working directory? */
  folderProblem(path: string): string | null;
  /** Can it be executed? */
  programProblem(path: string): string | null;
};

/** Checks what exec would report without saying what it means: the folder first, then the program on the child's own PATH. */
export function findProgram(request: SpawnRequest, look: ProgramLook = realLook): Program {
  const { argv, cwd, variables } = request;
  const name = argv[0];
  if (name === undefined || name === "") return failureOf("EINVAL", "There is no program to run");
  const unusable = [...argv, cwd, ...Object.keys(variables), ...Object.values(variables)].find((text) => text.includes("\0"));
  if (unusable !== undefined) return failureOf("EINVAL", `A NUL character cannot be passed on: ${JSON.stringify(unusable.slice(0, 80))}`);
  const nameless = Object.keys(variables).find((variable) => variable === "" || variable.includes("="));
  if (nameless !== undefined) return failureOf("EINVAL", `${JSON.stringify(nameless)} is no name for a variable`);
  return checkFolder(cwd, look) ?? search(name, cwd, variables.PATH ?? pathDefault, look);
}

function checkFolder(cwd: string, look: ProgramLook): Program | null {
  const problem = look.folderProblem(cwd);
  if (problem === null) return null;
  if (problem === "ENOENT") return failureOf(problem, `The working directory ${cwd} does not exist`);
  if (problem === "ENOTDIR") return failureOf(problem, `The working directory ${cwd} is no directory`);
  return failureOf(problem, `The working directory ${cwd} cannot be entered: ${problem}`);
}

function search(name: string, cwd: string, searchPath: string, look: ProgramLook): Program {
  const named = name.includes("/");
  const candidates = named ? [resolve(cwd, name)] : searchPath.split(delimiter).map((folder) => resolve(cwd, join(folder, name)));
  let refused: string | null = null;
  for (const candidate of candidates) {
    const problem = look.programProblem(candidate);
    if (problem === null) return { ok: true, path: candidate };
    if (problem !== "ENOENT" && problem !== "ENOTDIR") refused ??= `${candidate} cannot be executed: ${problem}`;
  }
  // As exec has it: found but refused is EACCES, whatever refused it.
  if (refused !== null) return failureOf("EACCES", refused);
  return failureOf("ENOENT", named ? `The program ${candidates[0]} does not exist` : `The program ${name} is not on PATH (${searchPath})`);
}

const realLook: ProgramLook = {
  folderProblem: (path) => problemWith(path, (stat) => (stat.isDirectory() ? null : "ENOTDIR")),
  programProblem: (path) => problemWith(path, (stat) => (stat.isDirectory() ? "it is a directory" : null)),
};

function problemWith(path: string, judge: (stat: fs.Stats) => string | null): string | null {
  try {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return "ENOENT";
    const problem = judge(stat);
    if (problem === null) fs.accessSync(path, fs.constants.X_OK);
    return problem;
  } catch (error) {
    return codeOf(error);
  }
}

/** First bytes of what a kernel executes by itself: ELF, and Mach-O in its orders and fat form. */
const binaryStarts = ["7f454c46", "feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe"];

/**
 * Reads in the file what exec will say of it, for starters that hand such a file to `sh` or tell the reason too late. Null: it can be tried.
 */
export function formatProblem(path: string): { readonly ok: false; readonly failure: SpawnFailure } | null {
  const start = Buffer.alloc(256);
  try {
    const fd = fs.openSync(path, fs.constants.O_RDONLY);
    fs.readSync(fd, start, 0, start.length, 0);
    fs.closeSync(fd);
  } catch {
    return null; // Executable but not readable: only exec can tell.
  }
  if (binaryStarts.includes(start.toString("hex", 0, 4))) return null;
  const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(start.toString("utf8"))?.[1];
  if (interpreter === undefined) return startFailure(path, "ENOEXEC");
  return fs.existsSync(interpreter) ? null : startFailure(path, "ENOENT");
}

/** The kernel's limit of one argument or variable, with the NUL behind it (MAX_ARG_STRLEN: 32 pages of 4 KiB; elsewhere only their sum counts). */
const argumentBytesMax = 131_072;

/** E2BIG in words: which of the system's two limits it was. */
function tooLong(path: string, { argv, variables }: Pick<SpawnRequest, "argv" | "variables">): string {
  const texts = [...argv, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const longest = Math.max(...sizes);
  if (longest > argumentBytesMax) {
    const what = sizes.indexOf(longest) < argv.length ? "an argument" : "a variable";
    return `${path} cannot be started: ${what} of it has ${longest - 1} bytes, and this system takes at most ${argumentBytesMax - 1} in one`;
  }
  const sum = sizes.reduce((total, size) => total + size, 0);
  return `${path} cannot be started: its arguments and variables have ${sum} bytes together, which is more than this system takes`;
}

/** What a refused start of a program that was found means. `request` tells more of one that was too long. */
export function startFailure(
  path: string,
  error: string,
  request: Pick<SpawnRequest, "argv" | "variables"> = { argv: [], variables: {} },
): { readonly ok: false; readonly failure: SpawnFailure } {
  if (error === "ENOENT") return failureOf(error, `${path} cannot be started: its interpreter does not exist`);
  if (error === "ENOEXEC") return failureOf(error, `${path} is neither a binary for this machine nor a script with a first line "#!"`);
  if (error === "E2BIG") return failureOf(error, tooLong(path, request));
  const meaning = [...getSystemErrorMap().values()].find(([name]) => name === error)?.[1];
  return failureOf(error, `${path} cannot be started: ${meaning ?? error}`);
}
