import { HermaError } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { generations } from "./link/find.ts";
import { answeredError, silent } from "./link/refusals.ts";
import type { KeeperStatus } from "./types.ts";

/** A keeper that was told to leave needs its ladders and moments; then its lock is free. */
const leaveMsMax = 30_000;
const leaveLookMs = 20;

/** See `Registry.keeper.status`. */
export function keeperStatus(context: Context): Promise<KeeperStatus[]> {
  return Promise.all(generations(context.system.files, context.home).map((generation) => statusOf(context, generation)));
}

async function statusOf(context: Context, generation: string): Promise<KeeperStatus> {
  const { file, lock, socket } = context.keepers.find(generation);
  const told = {
    generation,
    pid: file?.identity.pid ?? (lock.held === true ? lock.pid : null),
    version: file?.version ?? null,
    started_at: file?.started_at ?? null,
    held: null,
    restart_survival: file?.restart_survival ?? null,
    socket,
  };
  const said = await context.keepers.hello(socket);
  if (said.kind === "answer") {
    const { identity, version, started_at, held, restart_survival } = said.hello;
    return { ...told, state: "running", pid: identity.pid, version, started_at, held, restart_survival };
  }
  return { ...told, state: said.kind === "unreachable" && lock.held !== true ? "gone" : "silent" };
}

/** See `Registry.keeper.stop`. */
export async function stopKeepers(context: Context): Promise<void> {
  const results = await Promise.allSettled(
    generations(context.system.files, context.home).map((generation) => stopOne(context, generation)),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Ends whichever keeper has the generation's lock. One that was started in a race and lost may find the lock free at that very moment and
 * take it, so every instance that shows up is told to leave.
 */
async function stopOne(context: Context, generation: string): Promise<void> {
  const { keepers, system } = context;
  const told = new Set<string | null>();
  const deadlineMs = system.clock.monotonicMs() + leaveMsMax;
  for (;;) {
    const { socket, lock, file } = keepers.find(generation);
    const instance = file?.instance_id ?? null;
    if (!told.has(instance)) {
      told.add(instance);
      const outcome = await keepers.send({ socket, method: "POST", path: "/hangup", body: {}, apart: true });
      if (outcome.kind === "silent") throw silent(generation);
      if (outcome.kind === "answer" && outcome.status >= 400) throw answeredError(outcome);
      if (outcome.kind === "unreachable" && lock.held !== true) return;
    }
    if (keepers.find(generation).lock.held !== true) return;
    if (system.clock.monotonicMs() > deadlineMs) {
      throw new HermaError("KEEPER_SILENT", `the keeper ${generation} was told to leave and still holds its lock`, {
        data: { generation },
      });
    }
    await new Promise<void>((resolve) => system.clock.after(leaveLookMs, resolve));
  }
}
