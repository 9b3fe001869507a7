import { type KeeperKill, KeeperKillResult, KeeperProcess, type ProcessId, type ProcessView, processIdPattern } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { generations } from "./link/find.ts";
import { answeredError, silent } from "./link/refusals.ts";
import { getProcess } from "./list.ts";
import type { KillResult } from "./types.ts";
import { refusalOf } from "./unproven.ts";
import { compose } from "./view.ts";

/** Processes whose folder was removed while they live: only the keeper that holds one knows of it. */
type Holder = { readonly generation: string; readonly socket: string; readonly process: KeeperProcess };

/** See `Registry.inspect`. */
export async function inspectProcess(context: Context, id: ProcessId): Promise<ProcessView> {
  try {
    return getProcess(context, id);
  } catch (error) {
    const holder = await holderOf(context, id);
    if (holder === null) throw error;
    return viewOf(context, id, holder.process);
  }
}

/** Kills a process that has no folder any more. Throws PROCESS_NOT_FOUND when no keeper holds it either. */
export async function killFolderless(context: Context, id: ProcessId, body: KeeperKill): Promise<KillResult> {
  const holder = await holderOf(context, id);
  if (holder === null) throw refusalOf(context, id);
  const { socket, generation } = holder;
  const outcome = await context.keepers.send({ socket, method: "POST", path: `/v1/processes/${id}/kill`, body, apart: true });
  if (outcome.kind !== "answer") throw silent(generation);
  if (outcome.status >= 400) throw answeredError(outcome);
  const result = KeeperKillResult.parse(outcome.body);
  return {
    ...result,
    exit: context.shown.exit(result.exit),
    process: viewOf(context, id, { ...holder.process, exit: result.exit }),
  };
}

async function holderOf(context: Context, id: ProcessId): Promise<Holder | null> {
  // Only a valid id may become part of a path.
  if (!processIdPattern.test(id)) return null;
  for (const generation of generations(context.system.files, context.home)) {
    const socket = context.keepers.socketOf(generation);
    const outcome = await context.keepers.send({ socket, method: "GET", path: `/v1/processes/${id}` });
    if (outcome.kind !== "answer" || outcome.status !== 200) continue;
    const parsed = KeeperProcess.safeParse(outcome.body);
    if (parsed.success) return { generation, socket, process: parsed.data };
  }
  return null;
}

function viewOf(context: Context, id: ProcessId, { state, exit, output_end: end }: KeeperProcess): ProcessView {
  const view = compose({ ...context, keeperAlive: () => "yes" }, { id, spec: null, state, exit, corrupt: [] }, { segments: [], end });
  return { ...view, problem: "its folder was removed; its keeper still holds it" };
}
