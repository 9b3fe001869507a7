import { HermaError } from "../../contract/index.ts";
import {
  type ClaimRequest,
  claimGateway,
  type GatewayClaim,
  type Holder,
  openChapter,
  type StateChange,
  standBy,
} from "../../lifecycle/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** One gateway per home: both locks, `gateway.pid` and the pen of the state file. Throws GATEWAY_RUNNING with the holder in `data`. */
export function claimStep(context: GatewayContext): Step {
  return {
    name: "claim",
    downMs: 3_000,
    up: async () => {
      const { home, system, program, version, argv, log } = context.options;
      const request: ClaimRequest = {
        home,
        system,
        version,
        argv,
        commandLine: program.commandLine,
        fileMode: context.fileMode,
        drainTimeoutS: context.config.gateway.drain_timeout_seconds,
        setTitle: (title) => program.setTitle(title),
        measure: () => measured(context),
        beforeFirstState: (record) => {
          const { restart_loop_boots: bootsMax, restart_loop_gap_seconds: gapSeconds } = context.config.gateway;
          context.past = openChapter(system, home, record, { bootsMax, gapMs: gapSeconds * 1000 });
        },
        onProblem: (error) =>
          log.error({ problem: String(error) }, "the gateway's state cannot be written; trying again at the next heartbeat"),
        onLost: (loss) => {
          const words = loss.reason === "home_removed" ? "the home was removed" : "another program holds what was ours";
          log.error({ file: loss.file, pid: loss.pid }, `${words}; stopping`);
          context.life.stopFor({ why: "lock_stolen", reason: loss.reason, exitCode: 1, desiredState: "running", restartRequested: false });
        },
      };
      const result = await claimGateway(request);
      if (!result.ok && !standsBy(context)) throw alreadyRunning(home, result.holder);
      const claim = result.ok ? result.claim : await waitForTurn(context, request);
      if (claim === null) return undefined;
      context.claim = claim;
      return () => endClaim(context);
    },
  };
}

/** What each heartbeat tells besides that there is one: the next start may need it to explain an end. */
function measured({ loopWatch, options }: GatewayContext): StateChange {
  const memory = options.system.vitals.memory();
  const machine = options.system.vitals.machine();
  return {
    oom_kills: machine.oomKills,
    cgroup: machine.cgroup?.path ?? null,
    cgroup_oom_kills: machine.cgroup?.oomKills ?? null,
    rss_bytes: memory.rssBytes,
    heap_bytes: memory.heapBytes,
    ...(loopWatch === null ? {} : { loop_lag_ms: Math.round(loopWatch.takeLagMs() * 10) / 10 }),
  };
}

/**
 * Under a supervisor an end would only be a start a moment later, again and again; so it waits (spec compat 22). The first process of a container
 * may have none: whoever started that a second time wants to be told.
 */
function standsBy({ manager: { supervisor }, options }: GatewayContext): boolean {
  return options.standby ?? (supervisor !== null && supervisor !== "container");
}

/** Null when it was told to go meanwhile. Until it has the home it writes nothing there. */
async function waitForTurn(context: GatewayContext, request: ClaimRequest): Promise<GatewayClaim | null> {
  const { life, manager, options } = context;
  life.standsBy = true;
  try {
    return await standBy(request, {
      signal: life.stopping,
      waiting: (holder) => {
        const who = holder.pid === null ? "another program" : `pid ${holder.pid}`;
        options.log.info({ pid: holder.pid, since: holder.since }, "standing by: another gateway has this home");
        manager.ready(`standing by for the home, which ${who} has`);
      },
    });
  } finally {
    life.standsBy = false;
  }
}

async function endClaim({ life, claim, lastWords }: GatewayContext): Promise<void> {
  const { cause, failure } = life;
  if (cause === null && failure !== null) {
    lastWords.failedToStart(failure);
    await claim.end({ phase: "startup_failed", exitReason: failure });
    return;
  }
  if (cause !== null) lastWords.stopped(cause);
  life.happens("stopped");
  await claim.end({
    phase: "stopped",
    exitReason: cause?.reason ?? "unknown",
    ...(cause === null ? {} : { desiredState: cause.desiredState, restartRequested: cause.restartRequested }),
  });
}

function alreadyRunning(home: string, holder: Holder): HermaError {
  const who = holder.pid === null ? "another program" : `pid ${holder.pid}`;
  const since = holder.since === null ? "" : ` since ${holder.since}`;
  const what = holder.kind === "hermes" ? "a Hermes gateway" : "a gateway";
  return new HermaError("GATEWAY_RUNNING", `${what} of ${home} is running already: ${who}${since} holds ${holder.file}`, {
    data: { pid: holder.pid, since: holder.since, kind: holder.kind, file: holder.file },
  });
}
