import { treeOf } from "../../rules/index.ts";
import { readState } from "../folder.ts";
import { type Condition, nothingFound, type Scene } from "./condition.ts";
import { probeCondition } from "./probe.ts";

/** The kernel sends no event when a process begins to listen, so it is asked this often. */
const portLookMs = 50;
const connectMsMax = 1000;
const loopbacks = ["127.0.0.1", "::1"];

/**
 * The process listens on a port. /proc tells who listens: another program (such as a server that should have been stopped) does not count, and one
 * of the process's tree counts without a connection, which it might take for a client. Where /proc does not tell, a connection decides.
 */
export function portCondition(scene: Scene, { port, host }: { readonly port: number; readonly host?: string }): Condition {
  const { sockets } = scene.context.system;
  const connects = async (): Promise<boolean> => {
    const tries = (host === undefined ? loopbacks : [host]).map((one) => sockets.connects(one, port, connectMsMax));
    return (await Promise.all(tries)).includes(true);
  };
  return probeCondition(scene, {
    cause: "port",
    everyMs: portLookMs,
    found: nothingFound,
    ask: async () => {
      const listeners = sockets.listeners(port);
      if (listeners === null) return connects();
      if (listeners.length === 0) return false;
      const owner = ownerOf(scene, new Set(listeners));
      if (owner === "other") return false;
      return owner === "ours" && host === undefined ? true : connects();
    },
  });
}

/** Who holds these sockets: a member of the process's tree, another process, or only processes that we may not look into. */
function ownerOf({ context, id }: Scene, sockets: ReadonlySet<number>): "ours" | "other" | "unknown" {
  const { system, home } = context;
  const state = readState(system.files, home, id);
  const rows = system.processes.list();
  const holders = rows.filter((row) => system.sockets.holds(row.pid, sockets) === true).map((row) => row.pid);
  if (holders.length === 0) return "unknown";
  const { identity, group, session } = state ?? {};
  const root = identity == null ? null : { pid: identity.pid, group: group ?? -1, session: session ?? -1, startTime: identity.start_time };
  const marked = new Set(holders.filter((pid) => system.processes.hasMark(pid, id) === true));
  const tree = new Set(treeOf(root, rows, marked, new Set([1])));
  return holders.some((pid) => tree.has(pid)) ? "ours" : "other";
}
