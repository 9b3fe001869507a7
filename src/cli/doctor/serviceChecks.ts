import nodeProcess from "node:process";
import { type Service, unitProperty } from "../../lifecycle/index.ts";
import type { KeeperStatus } from "../../processes/index.ts";
import { alignStop, formatDuration, managerName, parseManagerTime, unitOfCgroup } from "../../rules/index.ts";
import type { System } from "../../system/index.ts";
import { lingering } from "../commands/serviceInstall.ts";
import { gatewayView } from "../gatewayView.ts";
import { findService } from "../service.ts";
import { bad, type Check, type Finding, note, ok, skipped } from "./finding.ts";

const answerMsMax = 5_000;
const cgroupBytesMax = 65_536;

/** The programs of this home, and the machine's service manager. */
export const serviceChecks: readonly Check[] = [
  {
    name: "gateway",
    inHome: true,
    look: async ({ cli, system }) => {
      const view = gatewayView(system, cli.home);
      if (view.running === false) return note("no gateway runs here", "`herma gateway start` (as a service) or `herma gateway run`.");
      if (view.running === null && view.address === null)
        return note("nothing tells whether a gateway runs here", "`herma gateway status --deep` shows what there is to know it by.");
      if (view.address === null) return note("a gateway runs, and does not listen yet", "`herma gateway status --deep` tells where it is.");
      try {
        const answer = await fetch(`${view.address}/healthz`, { signal: AbortSignal.timeout(answerMsMax) });
        if (answer.status === 200) return ok(`the gateway answers at ${view.address}`);
        return bad(`the gateway at ${view.address} answers ${answer.status}`, "`herma gateway logs` tells what it says.");
      } catch {
        return bad(
          `the gateway at ${view.address} does not answer within ${formatDuration(answerMsMax)}`,
          "It is frozen or stopped; `herma gateway stop --force` ends it, `herma gateway run --replace` takes its place. Processes go on.",
        );
      }
    },
  },
  {
    name: "keeper",
    inHome: true,
    look: async ({ cli, system, registry }) => {
      const keepers = (await (await registry()).keeper.status()).filter((keeper) => keeper.state !== "gone");
      const silent = keepers.find((keeper) => keeper.state === "silent");
      if (silent !== undefined)
        return bad(
          `the keeper ${silent.pid ?? silent.generation} holds its lock and does not answer`,
          "It is never replaced while its processes live; look at what it waits for.",
        );
      const service = await findService(cli, {}).catch(() => null);
      for (const keeper of keepers) {
        const reached = reachedBy(system, keeper, service);
        if (reached !== null) return bad(reached, "Once it is empty, `herma keeper stop`; the next one is started outside of the service.");
      }
      if (
        keepers.some((keeper) => keeper.restart_survival === "scoped") &&
        nodeProcess.getuid?.() !== 0 &&
        (await lingering(cli)) === false
      )
        return note("the keeper's scope ends when you log out for good, and its processes with it", "`loginctl enable-linger`");
      return survival(keepers[0]?.restart_survival ?? (await system.scopes.probe()), keepers.length > 0);
    },
  },
  {
    name: "service",
    look: async ({ cli }) => {
      const service = await findService(cli, {});
      if (service === null) return note("the gateway is no service: nothing starts it again", "`herma gateway install`");
      const outdated = service.outdated() ?? [];
      if (outdated.length > 0)
        return bad(`${service.path} is outdated (${outdated.slice(0, 3).join("; ")})`, "`herma gateway install` repairs it.");
      const state = await service.state();
      if (state.active === null) return note(`${service.plan.name} is installed, and its manager does not answer`);
      if (state.active === "failed")
        return bad(`${service.plan.name} has failed`, "`herma gateway logs` tells why; `herma gateway start` tries again.");
      if (state.enabled === false) return note(`${service.plan.name} does not start by itself`, "`herma gateway install` enables it.");
      if (service.plan.kind === "systemd-user" && (await lingering(cli)) === false)
        return note(`${service.plan.name} ends when you log out`, "`loginctl enable-linger`");
      return ok(`${service.plan.name} is current and ${state.active}`);
    },
  },
  {
    name: "budgets",
    look: async ({ cli, system }) => {
      const service = await findService(cli, {}).catch(() => null);
      if (service === null || !service.plan.kind.startsWith("systemd")) return skipped("no unit of systemd limits a stop");
      const manager = service.plan.kind === "systemd-user" ? "user" : "system";
      const unit = managerName(service.plan);
      const text = await unitProperty(system.spawner, nodeProcess.env, { unit, manager }, "TimeoutStopUSec");
      const timeoutMs = text === null ? null : parseManagerTime(text);
      if (timeoutMs === null) return skipped("the service manager does not tell its stop timeout");
      const alignment = alignStop(unit, timeoutMs, service.plan.drainMs);
      const [allowed, needed] = [formatDuration(timeoutMs), formatDuration(alignment.expected_min * 1000)];
      if (!alignment.mismatch)
        return ok(`a stop may take ${Number.isFinite(timeoutMs) ? allowed : "as long as it likes"}, and needs ${needed} at most`);
      return bad(
        `${unit} allows ${allowed} to stop, a drain of ${formatDuration(service.plan.drainMs)} needs ${needed}`,
        "`herma gateway install` mends the unit, unless a drop-in of yours says otherwise (`systemctl cat`).",
      );
    },
  },
];

/** A keeper in the cgroup of the service dies with the service's next stop, unless its unit was made for that. */
function reachedBy(system: System, keeper: KeeperStatus, service: Service | null): string | null {
  if (keeper.pid === null || service === null || !service.plan.scoped) return null;
  let unit: string | null = null;
  try {
    unit = unitOfCgroup(system.files.read(`/proc/${keeper.pid}/cgroup`, cgroupBytesMax)?.toString("utf8") ?? "")?.unit ?? null;
  } catch {
    return null;
  }
  return unit === managerName(service.plan) ? `the keeper ${keeper.pid} stands in the cgroup of ${unit}, and ends with it` : null;
}

function survival(kind: string, runs: boolean): Finding {
  const keeper = runs ? "the keeper" : "a keeper";
  if (kind === "scoped") return ok(`${keeper} ${runs ? "has" : "gets"} a scope of its own: no stop of a service reaches it`);
  if (kind === "detached")
    return note(
      `${keeper} is detached, not in a scope: it outlives its gateway, but not the end of a container or of a login's processes`,
      "Under systemd, `systemd-run --scope` must work (for a user: with that user's manager).",
    );
  return bad(`${keeper} ends with whoever started it`);
}
