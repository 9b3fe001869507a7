import { HermaError, homePaths } from "../contract/index.ts";
import type { ProcessHandle, Timer } from "../system/index.ts";
import type { RunOptions } from "./options.ts";

/** A successor that has not taken over within this time is ended, and the gateway goes on. */
const comesUpWithinMs = 60_000;

/**
 * The next gateway, started by this one where there is no service manager. It takes over as any other gateway would. When it cannot come up, for
 * instance because of a mistake in the settings, this one goes on.
 */
export class Successor {
  readonly pid: number;
  /** This gateway does not wait for running work when the successor takes over. */
  readonly force: boolean;
  readonly #handle: ProcessHandle | null;
  readonly #timer: Timer;
  #over = false;

  /** Starts it. `failed` is told, once, when it ends or is given up before {@link tookOver}. Throws GATEWAY_START_FAILED. */
  constructor(options: RunOptions, how: { readonly force: boolean; readonly failed: (why: string) => void }) {
    const { home, system, program } = options;
    const argv = [...program.starter, ...program.words, ...(program.words.includes("--replace") ? [] : ["--replace"])];
    const spawned = system.spawner.spawnDaemon({
      argv,
      cwd: program.folder,
      variables: defined(program.variables),
      log: homePaths(home).gatewayLog,
    });
    if (!spawned.ok) throw new HermaError("GATEWAY_START_FAILED", `the next gateway could not be started: ${spawned.failure.message}`);
    const { identity } = spawned.child;
    this.pid = identity.pid;
    this.force = how.force;
    const handle = system.processes.open(identity);
    this.#handle = typeof handle === "string" ? null : handle;
    const fail = (why: string): void => {
      if (this.#over) return;
      this.close();
      how.failed(why);
    };
    this.#handle?.onEnd(() => fail(`the next gateway (pid ${this.pid}) has ended; ${homePaths(home).gatewayLog} tells why`));
    this.#timer = system.clock.after(
      comesUpWithinMs,
      () => {
        this.#handle?.send("SIGKILL");
        fail(`the next gateway (pid ${this.pid}) did not take over within ${comesUpWithinMs / 1000} s`);
      },
      { unref: true },
    );
  }

  /** Ends it: it must not come up after a stop was asked for. */
  giveUp(): void {
    if (!this.#over) this.#handle?.send("SIGTERM");
    this.close();
  }

  /** It has taken over, and is watched no longer. Idempotent. */
  close(): void {
    this.#over = true;
    this.#timer.cancel();
    this.#handle?.close();
  }
}

function defined(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter((each): each is [string, string] => each[1] !== undefined));
}
