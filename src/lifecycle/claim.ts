import { type GatewayRecord, gatewayKind, homePaths, timestampOf } from "../contract/index.ts";
import type { Lock } from "../system/index.ts";
import type { ClaimRequest, ClaimResult, ClaimSystem } from "./claimTypes.ts";
import { fileModeOf, showTo } from "./fileMode.ts";
import { HeldClaim } from "./heldClaim.ts";
import { holderOf, pause } from "./holder.ts";
import { tryTakePatiently } from "./patience.ts";
import { putPidFile } from "./pidFile.ts";
import { contractArgv } from "./records.ts";

/**
 * How often the claim is tried again when the holder turns out to be gone, and milliseconds between tries: a program that a killed gateway was just
 * starting holds its locks a moment longer.
 */
const claimRounds = 40;
const claimRoundMs = 25;

/**
 * Claims a home for this program: at most one claim per home exists on the machine at any time, whoever tries at once.
 * The kernel's lock decides, records only tell. Throws `IO`, `DISK_FULL` or `TOO_MANY_FILES` when the home cannot be written.
 */
export async function claimGateway(request: ClaimRequest): Promise<ClaimResult> {
  const { system, home } = request;
  request.setTitle?.(gatewayKind);
  const paths = homePaths(home);
  const record = recordOf(request);
  const fileMode = fileModeOf(request);
  for (let round = 1; ; round += 1) {
    const taken = await takeBoth(system, paths.hermaLock, paths.gatewayLock);
    if (taken.locks === null) {
      const holder = await holderOf(system, taken.refusedPath);
      if (holder !== "gone") return { ok: false, holder };
      if (round < claimRounds) {
        await pause(system.clock, claimRoundMs);
        continue;
      }
      return { ok: false, holder: { pid: null, since: null, kind: "unknown", file: "herma.lock" } };
    }
    const { herma, gateway } = taken.locks;
    try {
      for (const lock of [herma, gateway]) {
        lock.writeBody(JSON.stringify(record));
        showTo(system.files, lock.path, fileMode);
      }
      const owner = putPidFile(system, paths.gatewayPid, record, fileMode);
      if (owner !== null) {
        gateway.release();
        herma.release();
        return { ok: false, holder: owner };
      }
    } catch (error) {
      gateway.release();
      herma.release();
      throw error;
    }
    try {
      request.beforeFirstState?.(record);
    } catch (error) {
      request.onProblem?.(error);
    }
    return { ok: true, claim: new HeldClaim(request, record, herma, gateway) };
  }
}

/** Takes the lock of every Herma and then that of the original, or tells which one was refused. */
async function takeBoth(
  system: ClaimSystem,
  hermaPath: string,
  gatewayPath: string,
): Promise<{ locks: { herma: Lock; gateway: Lock } } | { locks: null; refusedPath: string }> {
  const herma = system.locks.tryTake(hermaPath);
  if (herma === null) return { locks: null, refusedPath: hermaPath };
  try {
    const gateway = await tryTakePatiently(system, gatewayPath);
    if (gateway !== null) return { locks: { herma, gateway } };
  } catch (error) {
    herma.release();
    throw error;
  }
  herma.release();
  return { locks: null, refusedPath: gatewayPath };
}

function recordOf(request: ClaimRequest): GatewayRecord {
  const { system } = request;
  const identity = system.processes.self();
  return {
    pid: identity.pid,
    kind: gatewayKind,
    argv: contractArgv(request.argv),
    start_time: identity.start_time,
    instance_id: Buffer.from(system.random(8)).toString("hex"),
    boot_id: identity.boot_id,
    pid_namespace: system.processes.pidNamespace(),
    version: request.version,
    command_line: [...request.commandLine],
    started_at: timestampOf(system.clock.wallMs()),
  };
}
