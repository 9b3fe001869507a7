import { HermaError, type Limits, type LimitsChange, type SpecFile, type StateFile } from "../contract/index.ts";
import { changedLimits, groupName, type KernelLimits, kernelLimitsOf, runLeftMs } from "../rules/index.ts";
import type { Group, GroupLimits, System, Timer } from "../system/index.ts";

export type LimitingOptions = {
  readonly system: Pick<System, "clock" | "groups">;
  readonly home: string;
  readonly spec: SpecFile;
  readonly state: () => StateFile;
  /** The time it may run is over. Told once. */
  readonly runOut: () => void;
  /** Its group is to go, as soon as nobody is in it any more. */
  readonly leaves: (group: Group) => void;
};

/** What one process is held to while it runs: its time by a timer, memory, number and processor by a group of the kernel's. */
export class Limiting {
  readonly #options: LimitingOptions;
  #group: Group | null | undefined;
  #beganMs: number | null = null;
  #timer: Timer | null = null;
  #over = false;
  #left = false;

  constructor(options: LimitingOptions) {
    this.#options = options;
  }

  get limits(): Limits {
    return this.#options.state().limits ?? this.#options.spec.limits;
  }

  /** Null when no limit needs one, or nothing is left of it. */
  get group(): Group | null {
    const folders = this.#options.state().cgroups;
    this.#group ??= folders === undefined ? null : this.#options.system.groups.open(folders);
    return this.#group;
  }

  /** What state.json says of the group. */
  get record(): Pick<StateFile, "cgroups"> {
    return this.#group == null ? {} : { cgroups: [...this.#group.folders] };
  }

  /** Before the spawn: makes the group that the limits need. Throws LIMIT_UNAVAILABLE; then nothing is left of it. */
  confine(): void {
    const { system, home, spec } = this.#options;
    const kernel = kernelLimitsOf(spec.limits);
    if (kernel !== null) this.#group = system.groups.make(groupName(home, spec.id), asGroupLimits(kernel));
  }

  /** It runs from now on. */
  begins(): void {
    this.#beganMs = this.#options.system.clock.monotonicMs();
    this.#arm();
  }

  /** It runs since its recorded start. One whose start nobody wrote down is in a group perhaps that nobody wrote down either. */
  goesOn(pid: number): void {
    const { system, home, spec, state } = this.#options;
    if (state().identity === null) this.#group = this.group ?? system.groups.of(pid, groupName(home, spec.id));
    const startedAt = Date.parse(state().started_at ?? spec.created_at);
    this.#beganMs = system.clock.monotonicMs() - Math.max(0, system.clock.wallMs() - startedAt);
    this.#arm();
  }

  /**
   * What holds from now on; state.json is the caller's to write. Throws LIMIT_UNAVAILABLE for one that cannot be enforced; then nothing has
   * changed.
   */
  change(change: LimitsChange): Limits {
    const kernel = kernelLimitsOf(change);
    if (kernel !== null) this.#changeGroup(kernel);
    return changedLimits(this.limits, change);
  }

  #changeGroup(kernel: KernelLimits): void {
    const { group } = this;
    if (group === null) {
      if (Object.values(kernel).every((value) => value === null)) return;
      throw new HermaError(
        "LIMIT_UNAVAILABLE",
        `${this.#options.spec.id} was started without a limit of memory, processes or processor time, so it cannot be given one now`,
        { hint: "Start it again with the limit; a limit it was started with can be changed." },
      );
    }
    try {
      group.limit(asGroupLimits(kernel));
    } catch (error) {
      // Some of them may hold already: what held before is set again.
      const { memory_bytes_max = null, pids_max = null, cpu_percent_max = null } = this.limits;
      const before = { memory_bytes_max, pids_max, cpu_percent_max };
      const asked = Object.keys(kernel) as (keyof KernelLimits)[];
      group.limit(asGroupLimits(Object.fromEntries(asked.map((name) => [name, before[name]]))));
      throw error;
    }
  }

  /** After a change stands: the timer follows it. */
  follow(): void {
    this.#arm();
  }

  /** The kernel has ended a member because memory ran out. */
  get memoryRanOut(): boolean {
    return (this.group?.memoryKills() ?? 0) > 0;
  }

  /** It is over: its time does not run any more, and its group goes. */
  ends(): void {
    this.stop();
    if (this.group !== null && !this.#left) this.#options.leaves(this.group);
    this.#left = true;
  }

  /** Somebody else looks after its time from now on. */
  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#over || this.#beganMs === null) return;
    const { clock } = this.#options.system;
    const leftMs = runLeftMs(this.limits, clock.monotonicMs() - this.#beganMs);
    if (leftMs !== null) this.#timer = clock.after(leftMs, () => this.#options.runOut());
  }
}

function asGroupLimits({ memory_bytes_max, pids_max, cpu_percent_max }: KernelLimits): GroupLimits {
  return {
    ...(memory_bytes_max === undefined ? {} : { memoryBytesMax: memory_bytes_max }),
    ...(pids_max === undefined ? {} : { pidsMax: pids_max }),
    ...(cpu_percent_max === undefined ? {} : { cpuPercentMax: cpu_percent_max }),
  };
}
