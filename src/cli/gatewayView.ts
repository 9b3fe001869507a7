import { homePaths } from "../contract/index.ts";
import { readGatewayRecord, readGatewayState } from "../lifecycle/index.ts";
import type { System } from "../system/index.ts";

/** What the files of a home tell about its gateway. */
export type GatewayView = {
  /** By the lock, which the kernel frees whatever ends a gateway; null when the system does not tell who holds locks. */
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
  };
}

/** In a few words: `running (pid 12, http://127.0.0.1:7717)`. */
export function gatewayWords(view: GatewayView): string {
  if (view.running === false) return view.exit_reason === null ? "not running" : `not running (${view.exit_reason})`;
  const facts = [view.pid === null ? null : `pid ${view.pid}`, view.address].filter((each) => each !== null).join(", ");
  const word = view.running === null ? `perhaps running (${view.state ?? "no state"})` : (view.phase ?? "running");
  return facts === "" ? word : `${word} (${facts})`;
}
