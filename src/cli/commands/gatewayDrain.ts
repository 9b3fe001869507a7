import { type DrainAnswer, type DrainStatus, drainLeaseSecondsMax, HermaError, homePaths } from "../../contract/index.ts";
import { askOverHttp, type GatewayQuestion, refusalOf } from "../askGateway.ts";
import type { Cli } from "../cli.ts";
import { gatewayView } from "../gatewayView.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";

export type DrainOptions = {
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly principal?: string;
  readonly ttl?: string;
  readonly quiet?: boolean;
  readonly evenIfDown?: boolean;
};
export type UndrainOptions = { readonly principal?: string; readonly all?: boolean; readonly evenIfDown?: boolean };

/** Whose lease it is when nobody is named. */
const principalDefault = "cli";
/** The gateway answers this at once, or it hangs. */
const answerMsMax = 10_000;
/** One question of a wait lasts this long; then it is asked again. */
const waitSeconds = 30;

/** `herma gateway drain`: nothing new is begun, what runs goes on. With --wait until nothing runs any more. */
export async function gatewayDrain(cli: Cli, _words: readonly string[], options: DrainOptions): Promise<number> {
  const ttlMs = await durationOf("--ttl", options.ttl);
  const timeoutMs = await durationOf("--timeout", options.timeout);
  if (ttlMs !== null && (ttlMs < 1000 || ttlMs > drainLeaseSecondsMax * 1000)) throw badOption("--ttl", options.ttl ?? "", "from 1s to 1h");
  const principal = options.principal ?? principalDefault;
  const place = await placeOrNull(cli);
  if (place === null) return await drainDown(cli, options, principal, ttlMs);
  const wish = {
    action: "drain",
    principal,
    ...(ttlMs === null ? {} : { ttl_seconds: ttlMs / 1000 }),
    ...(options.quiet === true ? { suppress_notification: true } : {}),
  };
  await ask<DrainAnswer>(cli, place, wish);
  const renewMs = (ttlMs ?? drainLeaseSecondsMax * 1000) / 3;
  const status = options.wait === true ? await untilDrained(cli, place, { wish, renewMs, timeoutMs }) : await ask<DrainStatus>(cli, place);
  if (cli.json) output.json(status);
  else output.line(wordsOf(status));
  return 0;
}

/** `herma gateway undrain`: takes one lease back; others' go on. */
export async function gatewayUndrain(cli: Cli, _words: readonly string[], options: UndrainOptions): Promise<number> {
  const principal = options.principal ?? principalDefault;
  const place = await placeOrNull(cli);
  const wish = options.all === true ? { action: "cancel", all: true } : { action: "cancel", principal };
  const answer =
    place === null
      ? await changeDown(cli, options.evenIfDown, (leases) => {
          const had = leases.cancel(options.all === true ? null : principal);
          return { ok: true as const, action: "cancel" as const, was_draining: had, draining: leases.leases.length > 0 };
        })
      : await ask<Extract<DrainAnswer, { action: "cancel" }>>(cli, place, wish);
  if (cli.json) output.json(answer);
  else {
    output.line(answer.was_draining ? "taken back" : "there was nothing to take back");
    if (answer.draining) output.line("others still want it to drain: `herma gateway undrain --all` takes those back as well");
  }
  return 0;
}

async function drainDown(cli: Cli, options: DrainOptions, principal: string, ttlMs: number | null): Promise<number> {
  const lease = await changeDown(cli, options.evenIfDown, (leases) =>
    leases.begin({ principal, ...(ttlMs === null ? {} : { ttlMs }), suppressNotification: options.quiet === true }),
  );
  const { timestampOf } = await import("../../contract/index.ts");
  const expires = timestampOf(lease.expiresAtMs);
  if (cli.json)
    output.json({ ok: true, action: "drain", draining: true, gateway_running: false, principal: lease.principal, expires_at: expires });
  else output.line(`no gateway runs; one that starts before ${expires} will drain`);
  return 0;
}

/** Changes the leases in place of a gateway: the lock of the home says that there is none, and keeps one from starting meanwhile. */
async function changeDown<T>(
  cli: Cli,
  wanted: boolean | undefined,
  change: (leases: import("../../lifecycle/index.ts").DrainLeases) => T,
): Promise<T> {
  if (wanted !== true) {
    throw new HermaError("GATEWAY_DOWN", `no gateway runs in ${cli.home}, so nothing was changed`, {
      hint: "`--even-if-down` leaves it for the next one that starts; `herma gateway run` starts one.",
    });
  }
  const [{ DrainLeases }, system] = await Promise.all([import("../../lifecycle/index.ts"), cli.system()]);
  system.files.makeFolder(cli.home);
  const lock = system.locks.tryTake(homePaths(cli.home).hermaLock);
  if (lock === null) throw new HermaError("GATEWAY_RUNNING", "a gateway has just started here; try again");
  try {
    return change(new DrainLeases({ home: cli.home, system }));
  } finally {
    lock.release();
  }
}

async function untilDrained(
  cli: Cli,
  place: Place,
  wait: { readonly wish: object; readonly renewMs: number; readonly timeoutMs: number | null },
): Promise<DrainStatus> {
  const { clock } = await cli.system();
  const endMs = wait.timeoutMs === null ? Number.POSITIVE_INFINITY : clock.monotonicMs() + wait.timeoutMs;
  let renewAtMs = clock.monotonicMs() + wait.renewMs;
  for (;;) {
    const leftMs = Math.min(endMs, renewAtMs) - clock.monotonicMs();
    const seconds = Math.max(0, Math.min(waitSeconds, Math.ceil(leftMs / 1000)));
    const status = await ask<DrainStatus>(cli, place, null, seconds);
    if (status.drained) return status;
    if (!status.draining) {
      throw new HermaError("DEADLINE", "the drain was taken back while it was waited for", {
        hint: "`herma gateway drain` asks again.",
        data: status,
      });
    }
    if (clock.monotonicMs() >= endMs) {
      throw new HermaError("DEADLINE", `not drained in time: ${wordsOf(status)}`, {
        hint: "It goes on draining; `herma gateway undrain` takes that back.",
        data: status,
      });
    }
    if (clock.monotonicMs() < renewAtMs) continue;
    // Whoever waits still wants it.
    await ask<DrainAnswer>(cli, place, wait.wish);
    renewAtMs = clock.monotonicMs() + wait.renewMs;
  }
}

/** Where a running gateway is asked: on its own socket, or over HTTP where it has none. */
type Place = { readonly socket: string } | { readonly address: string };

/** Where the gateway of this home answers, or null when there is none. Throws when it runs and does not answer anywhere yet. */
async function placeOrNull(cli: Cli): Promise<Place | null> {
  const system = await cli.system();
  const view = gatewayView(system, cli.home);
  if (view.running === false) return null;
  const { readGatewayState } = await import("../../lifecycle/index.ts");
  const socket = readGatewayState(system.files, cli.home)?.control_socket;
  if (typeof socket === "string" && system.files.stat(socket)?.kind === "socket") return { socket };
  if (view.address !== null) return { address: view.address };
  throw new HermaError("GATEWAY_DOWN", "the gateway of this home does not answer yet", {
    hint: "Try again when `herma gateway status` says running.",
  });
}

/** With a body it is a request to act; without one it asks for the status, and waits up to `seconds` for the drain to be complete. */
async function ask<Answer>(cli: Cli, place: Place, body: object | null = null, seconds = 0): Promise<Answer> {
  const system = await cli.system();
  const path = `/api/gateway/drain${seconds > 0 ? `?wait_seconds=${seconds}` : ""}`;
  const question: GatewayQuestion = body === null ? { method: "GET", path } : { method: "POST", path, body };
  const timeoutMs = answerMsMax + seconds * 1000;
  const answer =
    "socket" in place
      ? await system.sockets.askLocal(place.socket, question, timeoutMs)
      : await askOverHttp(system, cli.home, place.address, question, timeoutMs).catch((error: Error) => {
          throw silent(place.address, error.message);
        });
  if (answer === null) throw silent("its own socket", "nothing came in time");
  if (answer.status < 300) return answer.body as Answer;
  throw refusalOf(answer.body);
}

function silent(where: string, why: string): HermaError {
  return new HermaError("IO", `the gateway does not answer on ${where}: ${why}`, {
    hint: "`herma gateway status` tells what its files say; its log tells the rest.",
  });
}

async function durationOf(option: string, text: string | undefined): Promise<number | null> {
  if (text === undefined) return null;
  const { parseDuration } = await import("../../rules/index.ts");
  const ms = parseDuration(text);
  if (ms === null) throw badOption(option, text, "a time such as 30s or 10m");
  return ms;
}

/** In a few words: `draining (cli): 2 turns, 1 call still run`. */
function wordsOf(status: DrainStatus): string {
  if (!status.draining) return "not draining";
  const { turns, api, delegations } = status.active;
  const running = [counted(turns, "turn"), counted(api, "call"), counted(delegations, "delegation")].filter((each) => each !== null);
  const rest = status.drained ? "nothing runs any more" : running.length === 0 ? "not observed yet" : `${running.join(", ")} still running`;
  return `draining (${status.principal ?? ""}, until ${status.expires_at ?? "?"}): ${rest}`;
}

function counted(count: number, word: string): string | null {
  return count === 0 ? null : `${count} ${word}${count === 1 ? "" : "s"}`;
}
