import { errorCatalogue } from "../../contract/index.ts";
import type { EndResult, ProvenGateway } from "../../lifecycle/index.ts";
import type { KillResult } from "../../processes/index.ts";
import type { Cli } from "../cli.ts";
import { orderBySocket, processAround, refuseFromInside } from "../gatewayOrders.ts";
import { output } from "../output.ts";

export type GatewayStopOptions = { readonly force?: boolean; readonly withProcesses?: boolean };

/** People are told that it still goes on, this often. */
const toldEveryMs = 5_000;
/** Gateways that may take over one behind the other while they are stopped. */
const takeoversMax = 5;
/** One that takes over has the home within moments after the end of the one before. */
const comesMsMax = 5_000;
const lookMs = 100;

type Stopped = { readonly pid: number; readonly result: EndResult; readonly another: boolean };

/** `herma gateway stop`: exit 0 when no gateway runs afterwards, 7 when it lives on. */
export async function gatewayStop(cli: Cli, _words: readonly string[], options: GatewayStopOptions): Promise<number> {
  const { home } = cli;
  const [{ findGateway, unproven }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const found = findGateway(system, home);
  const inside = processAround(system, home);
  if (found.kind !== "none" && inside !== null)
    await refuseFromInside(system, home, "stop", inside, found.kind === "proven" ? found : null);
  if (found.kind === "unproven") throw unproven(found.pid);
  const stopped = found.kind === "none" ? [] : await stopAll(cli, found, options.force === true);
  const last = stopped.at(-1) ?? null;
  const service = await (await import("./serviceStart.ts")).stopService(cli);
  const ended = options.withProcesses === true ? await endProcesses(cli) : [];
  if (cli.json) {
    const processes = ended.map(({ process, verdict }) => ({ id: process.id, verdict }));
    const waitedMs = stopped.reduce((sum, { result }) => sum + result.waitedMs, 0);
    const forced = stopped.some(({ result }) => result.kind === "killed");
    output.json({ stopped: last !== null, pid: last?.pid ?? null, forced, waited_ms: waitedMs, service, processes });
  } else {
    if (last === null) output.line("No gateway runs here.");
    for (const { result, pid } of stopped) output.line(sentence(result, pid));
    if (service) output.line("Its service has stopped, too, so that it brings no other.");
    for (const { process, verdict } of ended) output.line(`${process.id} ${verdict === "survivors" ? "survived" : "ended with it"}`);
  }
  return ended.some(({ verdict }) => verdict === "survivors") ? errorCatalogue.KILL_SURVIVORS.exit : 0;
}

function sentence(result: EndResult, pid: number): string {
  const seconds = (result.waitedMs / 1000).toFixed(1);
  if (result.kind === "gone") return `The gateway (pid ${pid}) had just ended by itself; processes go on.`;
  if (result.kind === "killed") return `The gateway (pid ${pid}) did not end by itself and was killed after ${seconds} s; processes go on.`;
  return `The gateway (pid ${pid}) has stopped after ${seconds} s; processes go on.`;
}

/** The gateway, and whichever was about to take over from it: afterwards none runs. Throws GATEWAY_SURVIVES. */
async function stopAll(cli: Cli, first: ProvenGateway, force: boolean): Promise<Stopped[]> {
  const stopped: Stopped[] = [];
  for (let target: ProvenGateway | null = first; target !== null && stopped.length < takeoversMax; ) {
    const one = await stop(cli, target, force);
    stopped.push(one);
    target = one.another ? await nextAfter(cli, target) : null;
    if (target !== null && !cli.json) output.note(`pid ${target.identity.pid} has taken over and is stopped as well`);
  }
  return stopped;
}

/** The gateway that has the home after the end of `before`; it may come a moment later. Null when none has. */
async function nextAfter(cli: Cli, before: ProvenGateway): Promise<ProvenGateway | null> {
  const [{ findGateway }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const deadlineMs = system.clock.monotonicMs() + comesMsMax;
  for (;;) {
    const found = findGateway(system, cli.home);
    if (found.kind === "proven" && found.identity.pid !== before.identity.pid) return found;
    if (system.clock.monotonicMs() >= deadlineMs) return null;
    await new Promise<void>((resolve) => system.clock.after(lookMs, resolve));
  }
}

/** By its own socket where it answers, else by marker and signal. `another`: one takes over from it. Throws GATEWAY_SURVIVES. */
async function stop(cli: Cli, target: ProvenGateway, force: boolean): Promise<Stopped> {
  const [{ endGateway }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  const answer = target.program === "herma" ? await orderBySocket(system, cli.home, "stop", { force }, target) : null;
  const endsWithinMs = answer === null ? target.endsWithinMs : answer.ends_within_s * 1000;
  let toldMs = 0;
  const result = await endGateway({
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
  return { pid: target.identity.pid, result, another: answer?.next === "successor" };
}

/** What was started to live for a turn or a session. */
async function endProcesses(cli: Cli): Promise<KillResult[]> {
  return await (await cli.registry()).endLifetime({ lifetime: "session", source: "gateway_stop" });
}
