import nodeProcess from "node:process";
import { GatewayOrderAnswer, HermaError, ProcessId, processPaths } from "../contract/index.ts";
import { type ProvenGateway, readGatewayState } from "../lifecycle/index.ts";
import { gatewaySockets } from "../rules/index.ts";
import { runtimeFolder, type System } from "../system/index.ts";
import { askOverHttp, type GatewayAnswer, refusalOf } from "./askGateway.ts";

/** A gateway that is not frozen answers at once. */
const answerMsMax = 3_000;

export type OrderWish = { readonly force?: boolean; readonly with_processes?: boolean; readonly asked_by?: ProcessId };

/**
 * Gives an order on the gateway's own socket, or over HTTP on Windows, where it has none. Null when there is no answer: the gateway is a Hermes, or
 * it hangs. Throws what the gateway refuses the order with.
 */
export async function orderBySocket(
  system: System,
  home: string,
  action: "stop" | "restart",
  wish: OrderWish,
  target: ProvenGateway | null,
): Promise<GatewayOrderAnswer | null> {
  const question = { method: "POST", path: `/api/gateway/${action}`, body: wish } as const;
  let answer: GatewayAnswer | null;
  if (system.platform === "win32") {
    const { address } = readGatewayState(system.files, home) ?? {};
    if (typeof address !== "string") return null;
    answer = await askOverHttp(system, home, address, question, answerMsMax).catch(() => null);
  } else answer = await system.sockets.askLocal(controlSocket(system, home, target), question, answerMsMax);
  if (answer === null) return null;
  const order = GatewayOrderAnswer.safeParse(answer.body);
  if (!order.success) throw refusalOf(answer.body);
  return order.data;
}

/** The socket that the gateway's state file names, else the one it would choose. */
function controlSocket(system: System, home: string, target: ProvenGateway | null): string {
  const state = readGatewayState(system.files, home);
  if (typeof state?.control_socket === "string" && (target === null || state.pid === target.identity.pid)) return state.control_socket;
  const uid = nodeProcess.getuid?.() ?? 0;
  return gatewaySockets({ home, runtimeFolder: runtimeFolder(system.files, nodeProcess.env, uid), uid, pid: nodeProcess.pid }).control;
}

/** The process of this home that this very program runs in, if it does: its mark, and a folder of that name. */
export function processAround(system: System, home: string): ProcessId | null {
  const mark = ProcessId.safeParse(nodeProcess.env.HERMA_PROCESS_ID);
  if (!mark.success) return null;
  const paths = processPaths(home, mark.data);
  return system.files.stat(paths.folder)?.kind === "folder" && system.files.stat(paths.exit) === null ? mark.data : null;
}

/** Passes an order from inside on to the gateway, which keeps it until the turn that gave it is over, and throws GATEWAY_INSIDE to say so. */
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
