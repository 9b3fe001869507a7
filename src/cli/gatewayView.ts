import { type ExitDiaryEntry, homePaths } from "../contract/index.ts";
import { lastExit, loopReport, readGatewayRecord, readGatewayState } from "../lifecycle/index.ts";
import type { System } from "../system/index.ts";

/** What the files of a home tell about its gateway. */
export type GatewayView = {
  /** Whether its lock is held, which the kernel frees whatever ends a gateway; null when the system does not tell who holds locks. */
  readonly running: boolean | null;
  readonly pid: number | null;
  /** The original's word in gateway_state.json; what the last gateway left when none runs. */
  readonly state: string | null;
  readonly phase: string | null;
  /** Where it answers, while it runs. */
  readonly address: string | null;
  readonly started_at: string | null;
  readonly updated_at: string | null;
  readonly exit_reason: string | null;
  readonly version: string | null;
  /** Whether its event loop turns, by the thread beside it; null when none runs or nothing tells. */
  readonly loop: "alive" | "frozen" | null;
  /** Milliseconds for which it had stood still at the last look. */
  readonly loop_still_ms: number | null;
  /** Gateways follow each other too quickly here, so the running one resumes nothing of before. */
  readonly restart_loop: boolean;
  /** It ended without a word, and the next start will look why. */
  readonly unexplained: boolean;
  /** How the last one ended that had this home, in its own words or by an autopsy; null when nothing is known. */
  readonly last_exit: {
    readonly at: string;
    readonly event: string;
    readonly pid: number | null;
    readonly reason: string | null;
    readonly verdict: string | null;
    readonly detail: string | null;
    readonly exit_code: number | null;
  } | null;
};

/** Reads the files only: no gateway is asked, so it answers when one hangs. */
export function gatewayView(system: System, home: string): GatewayView {
  const paths = homePaths(home);
  const lock = system.locks.look(paths.hermaLock);
  const running = lock.held === "unknown" ? null : lock.held;
  const state = readGatewayState(system.files, home) ?? {};
  const text = (key: string) => (typeof state[key] === "string" ? state[key] : null);
  const record = readGatewayRecord(system.files, paths.gatewayPid);
  const pid = running === false ? null : ((lock.held === true ? lock.pid : null) ?? record?.pid ?? null);
  const instance = text("instance_id");
  const report = running === false ? null : loopReport(system, home, { instance_id: instance });
  const ended = text("phase") === "stopped" || text("phase") === "startup_failed";
  const exit = lastExit(system, home);
  return {
    running,
    pid,
    state: text("gateway_state"),
    phase: text("phase"),
    address: running === false ? null : text("address"),
    started_at: text("started_at"),
    updated_at: text("updated_at"),
    exit_reason: text("exit_reason"),
    version: text("version"),
    loop: report?.loop ?? null,
    loop_still_ms: report?.still_ms ?? null,
    restart_loop: running !== false && state.restart_loop === true,
    unexplained: running === false && instance !== null && !ended && exit?.instance_id !== instance,
    last_exit: exit === null ? null : viewOf(exit),
  };
}

function viewOf({
  at: writtenAt,
  last_seen_at: seenAt,
  event,
  pid,
  reason,
  verdict,
  detail,
  exit_code,
}: ExitDiaryEntry): GatewayView["last_exit"] {
  // An autopsy is written by the next start; what counts is when the gateway was last seen.
  const at = (event === "autopsy" ? seenAt : null) ?? writtenAt;
  return { at, event, pid, reason: reason ?? null, verdict: verdict ?? null, detail: detail ?? null, exit_code: exit_code ?? null };
}

/** In a few words: `running (pid 12, http://127.0.0.1:7717)`. */
export function gatewayWords(view: GatewayView): string {
  if (view.unexplained) return "not running (it ended without a word; the next start looks why)";
  if (view.running === false) return view.exit_reason === null ? "not running" : `not running (${view.exit_reason})`;
  const frozen = view.loop === "frozen" ? `its event loop stands still for ${Math.round((view.loop_still_ms ?? 0) / 1000)} s` : null;
  const facts = [view.pid === null ? null : `pid ${view.pid}`, view.address, frozen].filter((each) => each !== null).join(", ");
  const word = view.running === null ? `perhaps running (${view.state ?? "no state"})` : (view.phase ?? "running");
  return facts === "" ? word : `${word} (${facts})`;
}
