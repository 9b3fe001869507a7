import { HermaError } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { generations } from "./link/find.ts";
import { answeredError, silent } from "./link/refusals.ts";
import type { KeeperStatus } from "./types.ts";

/** A keeper that was told to leave first ends its processes (TERM, grace, KILL); shortly after that its lock is free. */
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
 * take it, so every instance that shows up is told to leave. A missing socket means that the keeper is just coming up, leaving, or making it anew.
 */
async function stopOne(context: Context, generation: string): Promise<void> {
  const { keepers, system } = context;
  const told = new Set<string | null>();
  const beganMs = system.clock.monotonicMs();
  for (;;) {
    const { socket, lock, file } = keepers.find(generation);
    const instance = file?.instance_id ?? null;
    if (!told.has(instance)) {
      const outcome = await keepers.send({ socket, method: "POST", path: "/hangup", body: {}, apart: true });
      if (outcome.kind === "silent") throw silent(generation);
      if (outcome.kind === "answer" && outcome.status >= 400) throw answeredError(outcome);
      if (outcome.kind !== "unreachable") told.add(instance);
      else if (lock.held !== true) return;
    }
    if (keepers.find(generation).lock.held !== true) return;
    const waitMsMax = told.has(instance) ? leaveMsMax : context.settings().keeperStartMsMax;
    if (system.clock.monotonicMs() > beganMs + waitMsMax) throw stillThere(generation, told.has(instance) ? null : socket);
    await new Promise<void>((resolve) => system.clock.after(leaveLookMs, resolve));
  }
}

/** `unreached`: the socket where nobody listened all the time; null when it was told. */
function stillThere(generation: string, unreached: string | null): HermaError {
  const why =
    unreached === null
      ? "was told to leave and still holds its lock"
      : `holds its lock and cannot be told to leave: nobody listens on ${unreached}`;
  return new HermaError("KEEPER_SILENT", `the keeper ${generation} ${why}`, { data: { generation } });
}
