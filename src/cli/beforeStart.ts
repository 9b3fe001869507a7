import { isAbsolute, resolve } from "node:path";
import { HermaError, isHermaError, type ProcessView } from "../contract/index.ts";
import type { Registry, StartOptions } from "../processes/index.ts";
import { variableBlock } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { badOption } from "./report.ts";
import { ownFolder } from "./userHome.ts";

/** Node.js puts this character in place of bytes that are not UTF-8. */
const replacement = "\ufffd";
/** By this prefix a variable passes although it would be held back (rules/variables.ts). */
const forced = "_HERMA_FORCE_";

/** Refuses a command that would not arrive as it was typed. Throws BAD_REQUEST. */
export function checkWords(words: readonly string[]): void {
  if (words.length === 1 && words[0] === "") throw new HermaError("BAD_REQUEST", "the command is empty");
  if (words.some((word) => word.includes(replacement))) {
    throw new HermaError("BAD_REQUEST", "the command holds a character that is not UTF-8, which would not arrive as it is", {
      hint: "Let the shell make it: herma run -- \"cat $'caf\\xe9.txt'\"",
    });
  }
}

/**
 * The folder to start in, absolute. The registry would start in the nearest folder above a missing one. Somebody who mistypes --cwd does not
 * want the command to run elsewhere, so a missing folder is refused here. Throws BAD_REQUEST.
 */
export function folderToStartIn(files: Pick<System["files"], "stat">, asked: string | undefined): string {
  const own = ownFolder();
  if (own === null && (asked === undefined || !isAbsolute(asked))) {
    throw new HermaError("BAD_REQUEST", "the folder this is run in does not exist any more, or lies too deep to be named", {
      hint: "Change to another, or give --cwd.",
    });
  }
  const folder = resolve(own ?? "/", asked ?? ".");
  // The slash makes `stat` follow a link to a folder.
  if (files.stat(`${folder}/.`)?.kind !== "folder") throw badOption("--cwd", asked ?? folder, "a folder");
  return folder;
}

/**
 * What `--env` asks for, NAME=VALUE or NAME: a person names it on purpose, so keys of providers and tokens of bots pass too. Throws BAD_REQUEST,
 * also for secrets of Herma itself.
 */
export function askedVariables(pairs: readonly string[], ours: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const asked: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const name = at === -1 ? pair : pair.slice(0, at);
    if (name === "" || name.includes("\0")) throw badOption("--env", pair, "NAME=VALUE or NAME");
    const block = variableBlock(name);
    if (block === "never") throw badOption("--env", name, "for processes: it is a secret of Herma itself");
    const value = at === -1 ? ours[name] : pair.slice(at + 1);
    if (value?.includes(replacement)) throw badOption("--env", name, "UTF-8, and would not arrive as it is");
    if (value !== undefined) asked[block === null ? name : `${forced}${name}`] = value;
  }
  return asked;
}

/** Names of our variables that a process does not get unless asked for, sorted. */
export function heldBack(variables: Readonly<Record<string, string>>, pass: readonly string[]): string[] {
  const passed = new Set(pass.map((name) => name.toUpperCase()));
  return Object.keys(variables)
    .filter((name) => variableBlock(name) === "default" && !passed.has(name.toUpperCase()) && variables[`${forced}${name}`] === undefined)
    .sort();
}

/** Starts as the registry does. A start that got no answer may still happen, so the error says so before somebody types it again. */
export async function startOrSay(registry: Registry, start: StartOptions): Promise<ProcessView & { readonly cwd_requested?: string }> {
  try {
    return await registry.start(start);
  } catch (error) {
    if (!isHermaError(error) || !error.code.startsWith("KEEPER_") || typeof error.data?.id !== "string") throw error;
    const { id } = error.data;
    throw new HermaError(error.code, `${error.message}; ${id} may still be started as soon as it does`, {
      cause: error,
      data: error.data,
      hint: `Look with \`herma inspect ${id}\` before you start it again. ${error.hint}`,
    });
  }
}
