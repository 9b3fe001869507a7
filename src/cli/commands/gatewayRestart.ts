import { type GatewayOrderAnswer, HermaError } from "../../contract/index.ts";
import type { ProvenGateway } from "../../lifecycle/index.ts";
import type { System } from "../../system/index.ts";
import type { Cli } from "../cli.ts";
import { orderBySocket, processAround, refuseFromInside } from "../gatewayOrders.ts";
import { output } from "../output.ts";

/** The next gateway must be ready this long after the end of the one before. */
const nextMsMax = 90_000;
const lookMs = 100;

/** What gateway_state.json says, and whether the next gateway wrote it. */
type SeenState = { readonly state: Readonly<Record<string, unknown>>; readonly isNext: boolean };

/**
 * `herma gateway restart`: exit 0 when the next gateway is ready. Throws GATEWAY_DOWN, GATEWAY_INSIDE, GATEWAY_SURVIVES, GATEWAY_START_FAILED,
 * DEADLINE, and what the gateway refuses the order with.
 */
export async function gatewayRestart(cli: Cli, _words: readonly string[], options: { readonly force?: boolean }): Promise<number> {
  const { home } = cli;
  const [{ findGateway, unproven }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const found = findGateway(system, home);
  const inside = processAround(system, home);
  const { findService } = await import("../service.ts");
  const { gatewayStart, repairService } = await import("./serviceStart.ts");
  if (found.kind === "none" && inside === null && (await findService(cli, {})) !== null) return await gatewayStart(cli, [], {});
  if (found.kind === "none") throw new HermaError("GATEWAY_DOWN", "no gateway runs here, so there is none to restart");
  if (inside !== null) await refuseFromInside(system, home, "restart", inside, found.kind === "proven" ? found : null);
  if (found.kind === "unproven") throw unproven(found.pid);
  if (await repairService(cli)) output.note("the service was outdated and is repaired");
  const before = found.identity.pid;
  const answer = await order(system, home, found, options.force === true);
  if (!cli.json)
    output.note(answer.next === "manager" ? "The service manager starts the next one." : "The next gateway comes up and takes over.");
  const { pid, instance_id, address } = await untilNextIsReady(cli, answer);
  if (cli.json) output.json({ restarted: true, before, pid, instance_id, address });
  else {
    const where = typeof address === "string" ? `, at ${address}` : "";
    output.line(`Restarted: pid ${before}, now pid ${pid}${where}; processes go on.`);
  }
  return 0;
}

/** Gives the order. Throws when the gateway does not take it, or when no next one will follow. */
async function order(system: System, home: string, found: ProvenGateway, force: boolean): Promise<GatewayOrderAnswer> {
  const { pid } = found.identity;
  const answer = await orderBySocket(system, home, "restart", force ? { force } : {}, found);
  if (answer === null) {
    const why = found.program === "hermes" ? ": it is a Hermes" : "";
    throw new HermaError("GATEWAY_SURVIVES", `the gateway (pid ${pid}) takes no orders${why}`, {
      hint: "`herma gateway run --replace` takes over from it, by force where it hangs.",
    });
  }
  if (answer.next === "none") {
    throw new HermaError("GATEWAY_DOWN", `the gateway (pid ${pid}) is being stopped already, so no next one is started`, {
      hint: "When it has ended, `herma gateway start` (a service) or `herma gateway run` starts one.",
    });
  }
  return answer;
}

/** The state of the next gateway as soon as it is ready. Throws GATEWAY_START_FAILED when it has ended, DEADLINE when it does not come. */
async function untilNextIsReady(cli: Cli, answer: GatewayOrderAnswer): Promise<SeenState["state"]> {
  const { home } = cli;
  const [{ readDiary, readGatewayState }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const lastWords = (pid: number): string | null =>
    readDiary(system.files, home).findLast((entry) => entry.pid === pid && entry.event !== "start")?.detail ?? null;
  const deadlineMs = system.clock.monotonicMs() + answer.ends_within_s * 1000 + nextMsMax;
  for (;;) {
    const state = readGatewayState(system.files, home) ?? {};
    const isNext = typeof state.instance_id === "string" && state.instance_id !== answer.instance_id;
    if (isNext && (state.phase === "running" || state.phase === "degraded")) return state;
    if (answer.next === "successor") refuseFailed(system, answer, { state, isNext }, lastWords);
    if (system.clock.monotonicMs() > deadlineMs) {
      throw new HermaError("DEADLINE", "no next gateway has come up in time", {
        hint: "`herma gateway status` tells what runs, `herma gateway logs` why it did not.",
      });
    }
    await new Promise<void>((resolve) => system.clock.after(lookMs, resolve));
  }
}

/** A next gateway that has ended will not come up any more. Throws GATEWAY_START_FAILED. */
function refuseFailed(
  { processes }: Pick<System, "processes">,
  answer: GatewayOrderAnswer,
  { state, isNext }: SeenState,
  lastWords: (pid: number) => string | null,
): void {
  const over = state.phase === "stopped" || state.phase === "startup_failed";
  const pid = isNext && typeof state.pid === "number" ? state.pid : answer.next_pid;
  if (pid === null || (!(isNext && over) && processes.look(pid).kind !== "dead")) return;
  const why = lastWords(pid);
  const goesOn = !isNext && !over && state.phase !== "stopping";
  throw new HermaError(
    "GATEWAY_START_FAILED",
    `the next gateway (pid ${pid}) has ended${why === null ? "" : `: ${why}`}`,
    goesOn ? { hint: `The gateway of before (pid ${answer.pid}) goes on; \`herma gateway logs\` tells more.` } : {},
  );
}
