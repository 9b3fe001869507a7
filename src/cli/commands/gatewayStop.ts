import { HermaError } from "../../contract/index.ts";
import type { EndResult, ProvenGateway } from "../../lifecycle/index.ts";
import type { KillResult } from "../../processes/index.ts";
import type { Cli } from "../cli.ts";
import { orderBySocket, processAround, refuseFromInside } from "../gatewayOrders.ts";
import { output } from "../output.ts";

export type GatewayStopOptions = { readonly force?: boolean; readonly withProcesses?: boolean };

/** People are told that it still goes on, this often. */
const toldEveryMs = 5_000;

/** `herma gateway stop`: exit 0 when no gateway runs afterwards, 7 when it lives on. */
export async function gatewayStop(cli: Cli, _words: readonly string[], options: GatewayStopOptions): Promise<number> {
  const { home } = cli;
  const [{ findGateway, unproven }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const found = findGateway(system, home);
  const inside = processAround(system, home);
  if (found.kind !== "none" && inside !== null)
    await refuseFromInside(system, home, "stop", inside, found.kind === "proven" ? found : null);
  if (found.kind === "unproven") throw unproven(found.pid);
  const result = found.kind === "none" ? null : await stop(cli, found, options.force === true);
  const service = await (await import("./serviceStart.ts")).stopService(cli);
  const ended = options.withProcesses === true ? await endProcesses(cli) : [];
  const pid = found.kind === "proven" ? found.identity.pid : null;
  if (cli.json) {
    const processes = ended.map(({ process, verdict }) => ({ id: process.id, verdict }));
    output.json({ stopped: result !== null, pid, forced: result?.kind === "killed", waited_ms: result?.waitedMs ?? 0, service, processes });
  } else {
    output.line(result === null ? "No gateway runs here." : sentence(result, pid!));
    if (service) output.line("Its service has stopped, too, so that it brings no other.");
    for (const { process, verdict } of ended) output.line(`${process.id} ${verdict === "survivors" ? "survived" : "ended with it"}`);
  }
  return ended.some(({ verdict }) => verdict === "survivors") ? 7 : 0;
}

function sentence(result: EndResult, pid: number): string {
  const seconds = (result.waitedMs / 1000).toFixed(1);
  if (result.kind === "gone") return `The gateway (pid ${pid}) had just ended by itself; processes go on.`;
  if (result.kind === "killed") return `The gateway (pid ${pid}) did not end by itself and was killed after ${seconds} s; processes go on.`;
  return `The gateway (pid ${pid}) has stopped after ${seconds} s; processes go on.`;
}

/** By its own socket where it answers, else by marker and signal. Throws GATEWAY_SURVIVES. */
async function stop(cli: Cli, target: ProvenGateway, force: boolean): Promise<EndResult> {
  const [{ endGateway }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const answer = target.program === "herma" ? await orderBySocket(system, cli.home, "stop", { force }, target) : null;
  const endsWithinMs = answer === null ? target.endsWithinMs : answer.ends_within_s * 1000;
  let toldMs = 0;
  return await endGateway({
    home: cli.home,
    system,
    target: { ...target, endsWithinMs },
    marker: "planned_stop",
    told: answer !== null,
    force: force ? "now" : "never",
    onWait: (waitedMs, ofMs) => {
      if (cli.json || waitedMs - toldMs < toldEveryMs) return;
      toldMs = waitedMs;
      output.note(`still stopping: ${Math.round(waitedMs / 1000)} s of ${Math.round(ofMs / 1000)} s at most`);
    },
  });
}

/** What was started to live for a turn or a session. */
async function endProcesses(cli: Cli): Promise<KillResult[]> {
  return await (await cli.registry()).endLifetime({ lifetime: "session", source: "gateway_stop" });
}

/** A gateway that comes up. */
const nextMsMax = 90_000;
const lookMs = 100;

/** `herma gateway restart`: exit 0 when the next gateway is ready. */
export async function gatewayRestart(cli: Cli, _words: readonly string[], options: { readonly force?: boolean }): Promise<number> {
  const { home } = cli;
  const [{ findGateway, unproven, readGatewayState }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
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
  if (!cli.json)
    output.note(answer.next === "manager" ? "The service manager starts the next one." : "The next gateway comes up and takes over.");
  const deadlineMs = system.clock.monotonicMs() + answer.ends_within_s * 1000 + nextMsMax;
  for (;;) {
    const state = readGatewayState(system.files, home);
    const isNext = typeof state?.instance_id === "string" && state.instance_id !== answer.instance_id;
    if (isNext && (state.phase === "running" || state.phase === "degraded")) {
      if (cli.json) output.json({ restarted: true, before, pid: state.pid, instance_id: state.instance_id, address: state.address });
      else output.line(`Restarted: pid ${before}, now pid ${state.pid}, at ${state.address}; processes go on.`);
      return 0;
    }
    if (system.clock.monotonicMs() > deadlineMs) {
      throw new HermaError("DEADLINE", "no next gateway has come up in time", {
        hint: "`herma gateway status` tells what runs; logs/gateway.log in the home tells why it did not.",
      });
    }
    await new Promise<void>((resolve) => system.clock.after(lookMs, resolve));
  }
}
