import {
  checked,
  HermaError,
  KeeperInput,
  KeeperInputResult,
  KeeperKill,
  KeeperKillResult,
  KeeperLimits,
  KeeperLimitsResult,
  KeeperResize,
  KeeperSignal,
  KeeperSignalResult,
  type Limits,
  type LimitsChange,
  type ProcessId,
  type TerminalSize,
} from "../contract/index.ts";
import { type Context, liveIds } from "./context.ts";
import { type Folder, readFolder, readState } from "./folder.ts";
import { killFolderless } from "./folderless.ts";
import { command, type Schema } from "./link/command.ts";
import { folderIfThere, getProcess, requireFolder } from "./list.ts";
import { owners } from "./owner.ts";
import type { KillOptions, KillResult } from "./types.ts";
import { endPhrase } from "./view.ts";

/** Anything the keeper answers with to a command that returns nothing. */
const anyAnswer: Schema<unknown> = { safeParse: (value) => ({ success: true, data: value }) };

/** See `Registry.write`. */
export function writeInput(
  context: Context,
  id: ProcessId,
  input: { readonly data: string | Uint8Array; readonly eof?: boolean },
): Promise<{ bytes_written: number; offset: number }> {
  const data = Buffer.from(input.data as string).toString("base64");
  return act(context, id, "input", checked(KeeperInput, { data, eof: input.eof ?? false }), KeeperInputResult);
}

/** See `Registry.resize`. */
export async function resizeTerminal(context: Context, id: ProcessId, size: TerminalSize): Promise<void> {
  await act(context, id, "resize", checked(KeeperResize, size), anyAnswer);
}

/** See `Registry.updateLimits`. */
export async function updateLimits(context: Context, id: ProcessId, change: LimitsChange): Promise<Limits> {
  const { limits } = await act(context, id, "limits", checked(KeeperLimits, change), KeeperLimitsResult);
  return limits;
}

/** See `Registry.signal`. `TERM` is taken for `SIGTERM`. */
export function sendSignal(
  context: Context,
  id: ProcessId,
  options: { readonly signal: string; readonly tree?: boolean },
): Promise<{ signalled: number[] }> {
  const upper = options.signal.toUpperCase();
  const signal = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  return act(context, id, "signal", checked(KeeperSignal, { signal, tree: options.tree ?? false }), KeeperSignalResult);
}

/** See `Registry.kill`. */
export async function killProcess(context: Context, id: ProcessId, options: KillOptions = {}): Promise<KillResult> {
  const result = await climb(context, id, options);
  if (result.verdict !== "survivors") return result;
  const names = result.survivors.map((survivor) => `${survivor.pid} (${survivor.name})`).join(", ");
  throw new HermaError("KILL_SURVIVORS", `${id} is not wholly gone: ${names} still live`, { data: { survivors: result.survivors, id } });
}

/** See `Registry.killAll`. All ladders run at once; what fails is thrown after all have ended. */
export async function killAllProcesses(
  context: Context,
  options: KillOptions & { readonly session?: string; readonly except?: readonly ProcessId[] } = {},
): Promise<KillResult[]> {
  const except = new Set(options.except ?? []);
  const ownerOf = options.session === undefined ? null : owners(context);
  const ids = liveIds(context).filter((id) => {
    if (except.has(id)) return false;
    return ownerOf === null || ownerOf(id, readFolder(context.system.files, context.home, id).spec).session === options.session;
  });
  return await killEach(context, ids, options);
}

/** Kills these, all ladders at once; what fails is thrown after all have ended. */
export async function killEach(context: Context, ids: readonly ProcessId[], options: KillOptions): Promise<KillResult[]> {
  const results = await Promise.allSettled(ids.map((id) => climb(context, id, { source: "kill_all", ...options })));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return results.filter((result) => result.status === "fulfilled").map((result) => result.value);
}

async function climb(context: Context, id: ProcessId, options: KillOptions): Promise<KillResult> {
  const body = checked(KeeperKill, {
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.graceMs === undefined ? {} : { grace_ms: options.graceMs }),
  });
  const folder = folderIfThere(context, id);
  if (folder === null) return await killFolderless(context, id, body);
  if (folder.exit !== null && !(await holderAnswers(context, folder))) {
    return { verdict: "already_exited", survivors: [], exit: context.shown.exit(folder.exit), process: getProcess(context, id) };
  }
  const result = await send(context, id, "kill", body, KeeperKillResult);
  return { ...result, exit: context.shown.exit(result.exit), process: getProcess(context, id) };
}

/** After the end of a process, its keeper may still find other programs with its mark and end them. No keeper is started for that. */
async function holderAnswers(context: Context, folder: Folder): Promise<boolean> {
  if (folder.state === null) return false;
  const found = context.keepers.find(folder.state.keeper.generation);
  if (found.file === null || found.lock.held === false) return false;
  return (await context.keepers.hello(found.socket)).kind === "answer";
}

/** A command that only a process without an ending can take. */
async function act<T>(context: Context, id: ProcessId, verb: string, body: unknown, schema: Schema<T>): Promise<T> {
  const exit = context.shown.exit(requireFolder(context, id).exit);
  if (exit !== null) throw new HermaError("PROCESS_ENDED", `${id} ${endPhrase(exit)}`, { data: { id, exit } });
  return send(context, id, verb, body, schema);
}

async function send<T>(context: Context, id: ProcessId, verb: string, body: unknown, schema: Schema<T>): Promise<T> {
  const generation = (): string | null => readState(context.system.files, context.home, id)?.keeper.generation ?? null;
  try {
    return await command(commandOptions(context), {
      id,
      generation,
      schema,
      path: `/v1/processes/${id}/${verb}`,
      body,
      apart: verb === "kill",
    });
  } catch (error) {
    throw notStartedYet(context, id, error);
  }
}

/** PROCESS_NOT_STARTED for a process that has a folder but that no keeper knows; any other error as it is. */
function notStartedYet(context: Context, id: ProcessId, error: unknown): unknown {
  if (!(error instanceof HermaError) || error.code !== "PROCESS_NOT_FOUND") return error;
  const folder = readFolder(context.system.files, context.home, id);
  if (folder.spec === null || folder.state !== null || folder.exit !== null) return error;
  return new HermaError("PROCESS_NOT_STARTED", `${id} has not been started yet`);
}

/** How long a keeper that was told to leave may take: its processes are ended first (TERM, grace, KILL). */
const leaveMsMax = 30_000;

export function commandOptions(context: Context): Parameters<typeof command>[0] {
  return { keepers: context.keepers, system: context.system, leaveMsMax };
}
