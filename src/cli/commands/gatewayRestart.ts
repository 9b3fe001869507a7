import { type GatewayOrderAnswer, HermaError } from "../../contract/index.ts";
import type { System } from "../../system/index.ts";
import type { Cli } from "../cli.ts";
import { orderBySocket, processAround, refuseFromInside } from "../gatewayOrders.ts";
import { output } from "../output.ts";

/** A gateway that comes up. */
const nextMsMax = 90_000;
const lookMs = 100;

/** `herma gateway restart`: exit 0 when the next gateway is ready. */
export async function gatewayRestart(cli: Cli, _words: readonly string[], options: { readonly force?: boolean }): Promise<number> {
  const { home } = cli;
  const [{ findGateway, unproven, readDiary, readGatewayState }, system] = await Promise.all([
    import("../../lifecycle/index.ts"),
    cli.system(),
  ]);
  const found = findGateway(system, home);
  const inside = processAround(system, home);
  const { findService } = await import("../service.ts");
  const { gatewayStart, repairService } = await import("./serviceStart.ts");
  if (found.kind === "none" && inside === null && (await findService(cli, {})) !== null) return await gatewayStart(cli, [], {});
  if (found.kind === "none") throw new HermaError("GATEWAY_DOWN", "no gateway runs here, so there is none to restart");
  if (inside !== null) await refuseFromInside(system, home, "restart", inside, found.kind === "proven" ? found : null);
  if (found.kind === "unproven") throw unproven(found.pid);
  const before = found.identity.pid;
  if (await repairService(cli)) output.note("the service was outdated and is repaired");
  const answer = await orderBySocket(system, home, "restart", { ...(options.force === true ? { force: true } : {}) }, found);
  if (answer === null) {
    throw new HermaError(
      "GATEWAY_SURVIVES",
      `the gateway (pid ${before}) takes no orders${found.program === "hermes" ? ": it is a Hermes" : ""}`,
      {
        hint: "`herma gateway run --replace` takes over from it, by force where it hangs.",
      },
    );
  }
  if (answer.next === "none") {
    throw new HermaError("GATEWAY_DOWN", `the gateway (pid ${before}) is being stopped already, so no next one is started`, {
      hint: "When it has ended, `herma gateway start` (a service) or `herma gateway run` starts one.",
    });
  }
  if (!cli.json)
    output.note(answer.next === "manager" ? "The service manager starts the next one." : "The next gateway comes up and takes over.");
  const deadlineMs = system.clock.monotonicMs() + answer.ends_within_s * 1000 + nextMsMax;
  for (;;) {
    const state = readGatewayState(system.files, home);
    const isNext = typeof state?.instance_id === "string" && state.instance_id !== answer.instance_id;
    if (isNext && (state.phase === "running" || state.phase === "degraded")) {
      if (cli.json) output.json({ restarted: true, before, pid: state.pid, instance_id: state.instance_id, address: state.address });
      else {
        const where = typeof state.address === "string" ? `, at ${state.address}` : "";
        output.line(`Restarted: pid ${before}, now pid ${state.pid}${where}; processes go on.`);
      }
      return 0;
    }
    if (answer.next === "successor")
      refuseFailed(
        system,
        answer,
        state,
        (pid) => readDiary(system.files, home).findLast((entry) => entry.pid === pid && entry.event !== "start")?.detail ?? null,
      );
    if (system.clock.monotonicMs() > deadlineMs) {
      throw new HermaError("DEADLINE", "no next gateway has come up in time", {
        hint: "`herma gateway status` tells what runs, `herma gateway logs` why it did not.",
      });
    }
    await new Promise<void>((resolve) => system.clock.after(lookMs, resolve));
  }
}

/** A successor that has ended will not come up any more. Throws GATEWAY_START_FAILED. */
function refuseFailed(
  system: Pick<System, "processes">,
  answer: GatewayOrderAnswer,
  state: Readonly<Record<string, unknown>> | null,
  lastWords: (pid: number) => string | null,
): void {
  const isNext = typeof state?.instance_id === "string" && state.instance_id !== answer.instance_id;
  const over = state?.phase === "stopped" || state?.phase === "startup_failed";
  const pid = isNext && typeof state.pid === "number" ? state.pid : answer.next_pid;
  if (pid === null || (!(isNext && over) && system.processes.look(pid).kind !== "dead")) return;
  const why = lastWords(pid);
  const goesOn = !isNext && !over && state?.phase !== "stopping";
  throw new HermaError(
    "GATEWAY_START_FAILED",
    `the next gateway (pid ${pid}) has ended${why === null ? "" : `: ${why}`}`,
    goesOn ? { hint: `The gateway of before (pid ${answer.pid}) goes on; \`herma gateway logs\` tells more.` } : {},
  );
}
