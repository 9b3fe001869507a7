import fs from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import type { Group, SpawnFailure, SpawnRequest } from "../types.ts";
import { failureOf, findProgram, formatProblem } from "./program.ts";
import { codeOf } from "./systemError.ts";

type Failed = { readonly ok: false; readonly failure: SpawnFailure };

/** Enters the groups and becomes the program: the same pid, and no instruction of the program runs outside. */
const script = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 126; shift; done; shift; exec "$@"';
const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What a shell sets by itself, and takes away again where the program is not to have it. */
const shellsOwn = ["PWD", "OLDPWD", "SHLVL"];

/** The request that starts a shell which joins the group and becomes the program, or what is wrong with the program itself. */
export function joining(
  request: SpawnRequest & { readonly group: Group },
): { readonly ok: true; readonly request: SpawnRequest & { readonly group: null } } | Failed {
  const program = findProgram(request);
  if (!program.ok) return program;
  const problem = formatProblem(program.path);
  if (problem !== null) return problem;
  const names = Object.keys(request.variables);
  // A plain sh drops names that it could not assign to (a bash's exported functions); a bash hands them on, and in this mode runs no file first.
  const odd = !names.every((name) => plainName.test(name));
  const shell = odd && fs.existsSync("/bin/bash") ? ["/bin/bash", "--posix"] : ["/bin/sh"];
  const unset = `unset ${shellsOwn.filter((name) => !names.includes(name)).join(" ")};`;
  const argv = [...shell, "-c", `${unset} ${script}`, "sh", ...request.group.folders.map(procsOf), "--", ...request.argv];
  return { ok: true, request: { ...request, argv, group: null } };
}

/**
 * Proves that a child which joins by itself is in its group, by putting it there once more. Null: it is. Otherwise it is ended, and why: it is our
 * unreaped child, so the pid is its own.
 */
export function proveJoined(group: Group, pid: number): Failed | null {
  for (const folder of group.folders) {
    try {
      fs.writeFileSync(procsOf(folder), String(pid));
    } catch (error) {
      // It has ended already.
      if (codeOf(error) === "ESRCH") continue;
      nodeProcess.kill(pid, "SIGKILL");
      return failureOf(codeOf(error) || "EIO", `It cannot be put under its limits in ${folder}: ${codeOf(error)}`);
    }
  }
  return null;
}

function procsOf(folder: string): string {
  return join(folder, "cgroup.procs");
}
