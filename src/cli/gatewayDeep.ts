import nodeProcess from "node:process";
import { type ExitDiaryEntry, homePaths } from "../contract/index.ts";
import {
  DrainLeases,
  listScopedLocks,
  lookAtHeartbeat,
  readDiary,
  readGatewayRecord,
  recordLiveness,
  type ServiceState,
} from "../lifecycle/index.ts";
import type { KeeperStatus } from "../processes/index.ts";
import { formatDuration, scopedLockFolder } from "../rules/index.ts";
import type { LockView, System } from "../system/index.ts";
import type { Cli } from "./cli.ts";
import { findService } from "./service.ts";

/** Everything that can be known of a gateway without asking it (`herma gateway status --deep`). */
export type GatewayDeep = {
  /** Who holds the two locks, as the kernel tells. */
  readonly locks: { readonly "herma.lock": LockView; readonly "gateway.lock": LockView };
  /** The record in gateway.pid, and whether that very program lives. */
  readonly identity: {
    readonly pid: number;
    readonly start_time: number | null;
    readonly boot_id: string | null;
    readonly instance_id: string | null;
    readonly lives: "same" | "gone" | "unknown";
  } | null;
  readonly heartbeat: {
    readonly age_s: number | null;
    readonly interval_s: number | null;
    readonly seq: number | null;
    readonly owner: string;
  };
  readonly drain: {
    readonly phase: string | null;
    readonly reason: string | null;
    /** Whether somebody's drain marker stands in the home. */
    readonly marker: boolean;
    /** Who asks for it. */
    readonly principals: readonly string[];
    /** Seconds that running work is given when it stops. */
    readonly timeout_s: number | null;
    readonly active: number | null;
  };
  readonly keepers: readonly KeeperStatus[];
  /** Locks on bots that any gateway of this user holds. */
  readonly bots: readonly {
    readonly scope: string;
    readonly identity_hash: string;
    readonly pid: number;
    readonly lives: "same" | "gone" | "unknown";
  }[];
  readonly service: ({ readonly name: string; readonly path: string; readonly outdated: readonly string[] } & ServiceState) | null;
  /** Of the last gateway that ended without a word. */
  readonly autopsy: ExitDiaryEntry | null;
};

export async function gatewayDeep(cli: Cli): Promise<GatewayDeep> {
  const system = await cli.system();
  const paths = homePaths(cli.home);
  const diary = readDiary(system.files, cli.home);
  const exists = system.files.stat(cli.home) !== null;
  return {
    locks: { "herma.lock": system.locks.look(paths.hermaLock), "gateway.lock": system.locks.look(paths.gatewayLock) },
    identity: identityOf(system, paths.gatewayPid),
    ...stateOf(system, cli.home),
    keepers: exists ? await (await cli.registry()).keeper.status() : [],
    bots: botsOf(system),
    service: await serviceOf(cli),
    autopsy: diary.findLast((entry) => entry.event === "autopsy") ?? null,
  };
}

function identityOf(system: System, path: string): GatewayDeep["identity"] {
  const record = readGatewayRecord(system.files, path);
  if (record === null) return null;
  const { pid, start_time, boot_id = null, instance_id = null } = record;
  return { pid, start_time, boot_id, instance_id, lives: recordLiveness(system.processes, record) };
}

function stateOf(system: System, home: string): Pick<GatewayDeep, "heartbeat" | "drain"> {
  const { owner, record } = lookAtHeartbeat(home, system);
  const number = (key: string) => (typeof record?.[key] === "number" ? record[key] : null);
  const text = (key: string) => (typeof record?.[key] === "string" ? record[key] : null);
  const writtenMs = Date.parse(text("updated_at") ?? "");
  const age_s = Number.isFinite(writtenMs) ? Math.round(system.clock.wallMs() - writtenMs) / 1000 : null;
  return {
    heartbeat: { age_s, interval_s: number("interval_s"), seq: number("seq"), owner },
    drain: {
      phase: text("phase"),
      reason: text("drain_reason"),
      marker: system.files.stat(homePaths(home).drainMarker) !== null,
      principals: new DrainLeases({ home, system }).leases.map(({ principal }) => principal),
      timeout_s: number("drain_timeout_s"),
      active: number("active_agents"),
    },
  };
}

function botsOf(system: System): GatewayDeep["bots"] {
  const folder = scopedLockFolder(nodeProcess.env);
  if (folder === null) return [];
  return listScopedLocks(folder, system).map(({ record: { scope, identity_hash, pid }, owner }) => ({
    scope,
    identity_hash,
    pid,
    lives: owner,
  }));
}

async function serviceOf(cli: Cli): Promise<GatewayDeep["service"]> {
  const service = await findService(cli, {}).catch(() => null);
  if (service === null) return null;
  return { name: service.plan.name, path: service.path, outdated: service.outdated() ?? [], ...(await service.state()) };
}

/** The same in lines for people. */
export function deepLines(deep: GatewayDeep): string[] {
  const { identity, heartbeat, drain, service, autopsy } = deep;
  const lines = Object.entries(deep.locks).map(([name, lock]) => `${name.padEnd(12)} ${lockWords(lock)}`);
  const add = (name: string, words: string | null) => words !== null && lines.push(`${name.padEnd(12)} ${words}`);
  add(
    "identity",
    identity === null ? "no record" : `pid ${identity.pid}, start ${identity.start_time ?? "unknown"}, ${livesWords[identity.lives]}`,
  );
  const every = heartbeat.interval_s === null ? "" : `, every ${formatDuration(heartbeat.interval_s * 1000)}`;
  add("heartbeat", heartbeat.age_s === null ? "none" : `${formatDuration(heartbeat.age_s * 1000)} old${every}`);
  add("drain", drainWords(drain));
  for (const keeper of deep.keepers)
    add(
      "keeper",
      `${keeper.state}, pid ${keeper.pid ?? "unknown"}, holds ${keeper.held ?? "?"}, ${keeper.restart_survival ?? "survival unknown"}`,
    );
  for (const bot of deep.bots) add("bot", `${bot.scope} ${bot.identity_hash}, pid ${bot.pid} ${livesWords[bot.lives]}`);
  add("service", service === null ? "none" : serviceWords(service));
  add("autopsy", autopsy === null ? null : entryWords(autopsy, autopsy.verdict));
  return lines;
}

const livesWords = { same: "lives", gone: "is gone", unknown: "cannot be proven" } as const;

function lockWords(lock: LockView): string {
  if (lock.held === "unknown") return "the system does not tell who holds it";
  return lock.held ? `held${lock.pid === null ? "" : ` by pid ${lock.pid}`}` : "free";
}

function drainWords({ marker, principals, phase, reason, timeout_s, active }: GatewayDeep["drain"]): string {
  const now = phase === "draining" ? `draining (${reason ?? "no reason"})` : "not draining";
  const waits = timeout_s === null ? "" : `, a stop waits ${formatDuration(timeout_s * 1000)} for running work`;
  return `${now}${marker ? ", a marker stands" : ""}${principals.length === 0 ? "" : ` (${principals.join(", ")})`}${active === null ? "" : `, ${active} active`}${waits}`;
}

function serviceWords(service: NonNullable<GatewayDeep["service"]>): string {
  const state = [service.active ?? "its manager does not answer", service.detail].filter((word) => word !== null).join(", ");
  const outdated = service.outdated.length === 0 ? "" : "; outdated: `herma gateway install` repairs it";
  return `${service.name}: ${state}${service.enabled === false ? ", not enabled" : ""}${outdated}`;
}

function entryWords(entry: ExitDiaryEntry, what: string | undefined): string {
  return `${entry.at}: ${what ?? "unknown"}${entry.detail === undefined ? "" : ` (${entry.detail})`}`;
}
