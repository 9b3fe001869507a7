import { HermaError } from "../../contract/index.ts";
import { claimGateway, type Holder, openChapter, type StateChange } from "../../lifecycle/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** One gateway per home: both locks, `gateway.pid` and the pen of the state file. Throws GATEWAY_RUNNING with the holder in `data`. */
export function claimStep(context: GatewayContext): Step {
  return {
    name: "claim",
    downMs: 3_000,
    up: async () => {
      const { home, system, program, version, argv, log } = context.options;
      const result = await claimGateway({
        home,
        system,
        version,
        argv,
        commandLine: program.commandLine,
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
          log.error({ file: loss.file, pid: loss.pid }, "another program holds what was ours; stopping");
          context.life.stopFor({ why: "lock_stolen", reason: loss.reason, exitCode: 1, desiredState: "running", restartRequested: false });
        },
      });
      if (!result.ok) throw alreadyRunning(home, result.holder);
      context.claim = result.claim;
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
