import nodeProcess from "node:process";
import { GatewayOrderAnswer, HermaError, homePaths, ProcessId, processPaths } from "../contract/index.ts";
import type { ProvenGateway } from "../lifecycle/index.ts";
import { readGatewayState } from "../lifecycle/index.ts";
import { gatewaySockets } from "../rules/index.ts";
import type { System } from "../system/index.ts";

/** A gateway whose loop turns answers at once. */
const answerMsMax = 3_000;

export type OrderWish = { readonly force?: boolean; readonly with_processes?: boolean; readonly asked_by?: ProcessId };

/**
 * Gives an order on the gateway's own socket. Null when nobody answers there, as with a Hermes, or one that hangs. Throws what the gateway
 * refuses it with.
 */
export async function orderBySocket(
  system: System,
  home: string,
  action: "stop" | "restart",
  wish: OrderWish,
  target: ProvenGateway | null,
): Promise<GatewayOrderAnswer | null> {
  if (system.platform === "win32") return await orderByHttp(system, home, action, wish);
  const answer = await system.sockets.askLocal(
    controlSocket(system, home, target),
    { method: "POST", path: `/api/gateway/${action}`, body: wish },
    answerMsMax,
  );
  return answer === null ? null : answered(answer.body);
}

/** As {@link orderBySocket}, over HTTP with the owner's token: where there is no such socket (Windows). */
async function orderByHttp(system: System, home: string, action: "stop" | "restart", wish: OrderWish): Promise<GatewayOrderAnswer | null> {
  const state = readGatewayState(system.files, home);
  const token = system.files.read(homePaths(home).token, 4096)?.toString("utf8").trim() ?? "";
  if (typeof state?.address !== "string") return null;
  let body: unknown;
  try {
    const answer = await fetch(`${state.address}/api/gateway/${action}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(wish),
      signal: AbortSignal.timeout(answerMsMax),
    });
    body = await answer.json();
  } catch {
    return null;
  }
  return answered(body);
}

function answered(body: unknown): GatewayOrderAnswer {
  const parsed = GatewayOrderAnswer.safeParse(body);
  if (parsed.success) return parsed.data;
  const { code, detail, hint, data } = (body ?? {}) as Record<string, unknown>;
  throw HermaError.fromBody({ code, message: detail, hint, data });
}

/** As its state file says, else by the rule. */
function controlSocket(system: System, home: string, target: ProvenGateway | null): string {
  const state = readGatewayState(system.files, home);
  if (typeof state?.control_socket === "string" && (target === null || state.pid === target.identity.pid)) return state.control_socket;
  const uid = nodeProcess.getuid?.() ?? 0;
  return gatewaySockets({ home, runtimeFolder: nodeProcess.env.XDG_RUNTIME_DIR, uid, pid: nodeProcess.pid }).control;
}

/** The process of this home that this very program runs in, if it does: its mark, and a folder of that name. */
export function processAround(system: System, home: string): ProcessId | null {
  const mark = ProcessId.safeParse(nodeProcess.env.HERMA_PROCESS_ID);
  if (!mark.success) return null;
  const paths = processPaths(home, mark.data);
  return system.files.stat(paths.folder)?.kind === "folder" && system.files.stat(paths.exit) === null ? mark.data : null;
}

/** Refuses an order from inside, having kept it: the gateway carries it out when the turn that gave it is over. */
export async function refuseFromInside(
  system: System,
  home: string,
  action: "stop" | "restart",
  inside: ProcessId,
  target: ProvenGateway | null,
): Promise<never> {
  const answer = await orderBySocket(system, home, action, { asked_by: inside }, target);
  const what = `this command runs in ${inside}, a process of the very gateway that it would ${action}`;
  if (answer === null) {
    throw new HermaError("GATEWAY_INSIDE", `${what}; the gateway does not answer, so nothing was done`, {
      hint: `Run \`herma gateway ${action}\` in a terminal of its own.`,
    });
  }
  const when = answer.when === "after_work" ? "when the work under way is done" : "now, since nothing is under way";
  throw new HermaError("GATEWAY_INSIDE", `${what}; the order is kept, and carried out ${when}`, {
    data: { action, when: answer.when, next: answer.next, process: inside },
    hint: "Do not ask again; processes go on.",
  });
}
