import { type DrainStatus, timestampOf } from "../contract/index.ts";
import { DrainLeases, type DrainOddity, type DrainWish, watchDrain } from "../lifecycle/index.ts";
import { type DrainLease, drainPrincipals } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { DrainControl } from "./drainControl.ts";
import type { Life } from "./life.ts";
import type { Log } from "./types.ts";
import type { Work } from "./work.ts";

const oddities: Record<DrainOddity["what"], string> = {
  foreign_epoch: "a drain marker from before the machine's last start does not count",
  expired: "a drain marker has outlived its hour; it is removed",
  unreadable: "a drain marker cannot be read; it drains for an hour from when it was written",
  leases_unreadable: "the drain leases cannot be read; only the marker counts",
};

export type ExternalDrainOptions = {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "platform" | "processes">;
  readonly log: Log;
  readonly work: Work;
  readonly life: Life;
  /** Permission bits of the drain marker. */
  readonly markerMode: number;
  /** Whether something that the gateway needs does not answer, so that it is degraded after the drain. */
  readonly ailing: () => boolean;
  /** False once the home is somebody else's: nothing is looked at or written then. */
  readonly holdsHome: () => boolean;
};

/**
 * Drains while somebody outside asks for it: nothing new is begun, running work goes on, the gateway stays. The gate is closed before anybody is told
 * that the request was observed. A shutdown wins: it keeps the gate closed and the phase as it is, whatever happens to the leases.
 */
export class ExternalDrain implements DrainControl {
  readonly #options: ExternalDrainOptions;
  readonly #leases: DrainLeases;
  #engaged = false;

  constructor(options: ExternalDrainOptions) {
    this.#options = options;
    const { home, system, log, markerMode } = options;
    this.#leases = new DrainLeases({ home, system, markerMode, onOdd: ({ what, path }) => log.warn({ path }, oddities[what]) });
  }

  /** Takes leases and marker that are there already into account, and watches them from now on. Returns a function that ends this. */
  watch(): () => void {
    const { home, system, log, holdsHome } = this.#options;
    return watchDrain({
      home,
      system,
      leases: this.#leases,
      changed: () => this.settle(),
      failed: (error) => log.error({ problem: String(error) }, "the drain marker or its leases cannot be used; trying again"),
      mayLook: holdsHome,
    });
  }

  /** Brings gate and phase in line with the leases. While the gateway boots the phase stays: it is called again when that is done. */
  settle(): void {
    const { work, life, log, ailing } = this.#options;
    const { leases } = this.#leases;
    const wanted = leases.length > 0;
    if (wanted && !this.#engaged) {
      work.close("external");
      log.info({ principal: drainPrincipals(leases), active: work.active }, "external drain: nothing new is begun, what runs goes on");
    }
    if (!wanted && this.#engaged) log.info({}, "external drain: it is over");
    this.#engaged = wanted;
    if (wanted) {
      life.happens("drainAsked", { drain_reason: "external", active_agents: work.active });
      return;
    }
    if (life.phase === "draining") {
      life.happens("drainCancelled", { drain_reason: null });
      if (ailing()) life.happens("degraded");
    }
    work.open("external");
  }

  status(): DrainStatus {
    const { work, life } = this.#options;
    const { leases } = this.#leases;
    const draining = leases.length > 0;
    const observed = draining && work.closedFor !== null;
    const newest = (times: number[]): string | null => (draining ? timestampOf(Math.max(...times)) : null);
    return {
      draining,
      observed,
      principal: draining ? drainPrincipals(leases) : null,
      requested_at: newest(leases.map(({ requestedAtMs }) => requestedAtMs)),
      expires_at: newest(leases.map(({ expiresAtMs }) => expiresAtMs)),
      suppress_notification: draining && leases.every(({ suppressNotification }) => suppressNotification),
      active: work.counts,
      drained: observed && work.active === 0,
      phase: life.phase,
      leases: leases.map((lease) => ({
        principal: lease.principal,
        requested_at: timestampOf(lease.requestedAtMs),
        expires_at: timestampOf(lease.expiresAtMs),
        suppress_notification: lease.suppressNotification,
      })),
    };
  }

  begin(wish: DrainWish): DrainLease {
    try {
      return this.#leases.begin(wish);
    } finally {
      // Even a failed change has read the leases anew.
      this.settle();
    }
  }

  cancel(principal: string | null): boolean {
    try {
      return this.#leases.cancel(principal);
    } finally {
      this.settle();
    }
  }

  async written(): Promise<void> {
    await this.#options.life.written;
  }

  async settled(until: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      const { draining, drained } = this.status();
      if (!draining || drained) resolve();
    };
    const unlisten = this.#options.work.onChange(look);
    const leave = (): void => resolve();
    until.addEventListener("abort", leave, { once: true });
    if (until.aborted) resolve();
    look();
    await promise;
    unlisten();
    until.removeEventListener("abort", leave);
  }
}
