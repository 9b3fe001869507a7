/** What can be found out about a process folder. Three-valued where the system may be unable to tell: unknown never kills and never steals. */
export type Evidence = {
  /** exit.json stands. */
  readonly exitOnDisk: boolean;
  /** state.json notes an exit that was seen but not settled. */
  readonly exitNoted: boolean;
  /** state.json stands and can be read. Without it nothing is noted, spawned or ended, and no keeper is recorded. */
  readonly stateOnDisk: boolean;
  /** state.json has an identity. */
  readonly spawned: boolean;
  /** state.json says that it ended. */
  readonly ended: boolean;
  /** The recorded keeper; with no state.json, any keeper that may have been asked to start it ("no" when there is none). */
  readonly keeperAlive: "yes" | "no" | "unknown";
  /** The recorded keeper is the one that asks. */
  readonly keeperIsMe: boolean;
  /** The recorded identity compared with what runs now; "none" without an identity. */
  readonly process: "same" | "gone" | "unknown" | "none";
  /** Everything recorded is from the boot that runs now. */
  readonly sameBoot: boolean;
  /** Whoever wrote spec.json. */
  readonly starterAlive: "yes" | "no" | "unknown";
  /** A live process carries this id's mark, though no identity was recorded. Says nothing once there is an identity. */
  readonly markFound: boolean;
};

/** What recovery does with the folder. */
export type Verdict =
  /** Over and written down. */
  | "finished"
  /** Somebody else's, or still one's own: leave it. */
  | "held"
  /** Take it over by its identity. */
  | "adopt"
  /** Take over the live process that carries the mark. */
  | "adoptByMark"
  /** Write exit.json from the exit that state.json notes. */
  | "writeNotedExit"
  /** Write that it ended while nobody watched. */
  | "lost"
  /** Write that the machine went down under it. */
  | "reboot"
  /** Write that it never ran. */
  | "neverStarted"
  /** Its starter is about to have it started: leave it. */
  | "leaveToStarter"
  /** What matters cannot be known now: leave it, and look again later. */
  | "leaveUnknown"
  /** The evidence contradicts itself: leave it and tell. */
  | "impossible";

/** One row: its verdict holds when every named piece of evidence has one of the allowed values. */
export type RecoveryRow = {
  readonly because: string;
  readonly verdict: Verdict;
  readonly when: { readonly [K in keyof Evidence]?: readonly Evidence[K][] };
};

const yes = [true] as const;
const no = [false] as const;
const open = { exitOnDisk: no } as const;
const bare = { ...open, stateOnDisk: no, exitNoted: no, spawned: no, ended: no, process: ["none"], keeperIsMe: no } as const;
const spawned = { ...open, stateOnDisk: yes, spawned: yes, process: ["same", "gone", "unknown"] } as const;
const unspawned = { ...open, stateOnDisk: yes, spawned: no, process: ["none"], exitNoted: no } as const;
/** Nobody holds it: the recorded keeper is dead. */
const orphan = { keeperIsMe: no, keeperAlive: ["no"], sameBoot: yes } as const;
/** Nobody holds it: the recorded keeper ran in another boot, which proves what the system may be unable to tell. */
const otherBoot = { keeperIsMe: no, keeperAlive: ["no", "unknown"], sameBoot: no } as const;

/** The decision table. Exactly one row holds for each combination of evidence (a test walks them all), so their order means nothing. */
export const recoveryTable: readonly RecoveryRow[] = [
  { verdict: "finished", because: "exit.json is final, whatever else is found", when: { exitOnDisk: yes } },

  // No state: nobody has begun to start it, or its state was lost.
  {
    verdict: "leaveToStarter",
    because: "whoever made the folder lives and will have it started",
    when: { ...bare, keeperAlive: ["no"], markFound: no, starterAlive: ["yes"] },
  },
  {
    verdict: "leaveUnknown",
    because: "whoever made the folder may live and may have it started",
    when: { ...bare, keeperAlive: ["no"], markFound: no, starterAlive: ["unknown"] },
  },
  {
    verdict: "neverStarted",
    because: "whoever made the folder is gone, no keeper has begun, and nothing carries its mark",
    when: { ...bare, keeperAlive: ["no"], markFound: no, starterAlive: ["no"] },
  },
  {
    verdict: "adoptByMark",
    because: "its state was lost, no keeper holds it, and a live process carries its mark",
    when: { ...bare, keeperAlive: ["no"], markFound: yes },
  },
  { verdict: "held", because: "a keeper that was asked to start it lives", when: { ...bare, keeperAlive: ["yes"] } },
  {
    verdict: "leaveUnknown",
    because: "a keeper that may have been asked to start it may live",
    when: { ...bare, keeperAlive: ["unknown"] },
  },

  // Held by a keeper.
  { verdict: "held", because: "the asking keeper holds it itself", when: { ...spawned, keeperIsMe: yes } },
  { verdict: "held", because: "the asking keeper is starting it itself", when: { ...unspawned, keeperIsMe: yes } },
  { verdict: "held", because: "its keeper lives", when: { ...spawned, keeperIsMe: no, keeperAlive: ["yes"] } },
  { verdict: "held", because: "its keeper lives and is starting it", when: { ...unspawned, keeperIsMe: no, keeperAlive: ["yes"] } },
  {
    verdict: "leaveUnknown",
    because: "its keeper may live, and nothing is taken from a keeper that may live",
    when: { ...spawned, keeperIsMe: no, keeperAlive: ["unknown"], sameBoot: yes },
  },
  {
    verdict: "leaveUnknown",
    because: "its keeper may live and be starting it",
    when: { ...unspawned, keeperIsMe: no, keeperAlive: ["unknown"], sameBoot: yes },
  },

  // Its keeper is dead, the machine has not been down.
  {
    verdict: "adopt",
    because: "its keeper is dead and the very process lives",
    when: { ...spawned, ...orphan, exitNoted: no, ended: no, process: ["same"] },
  },
  {
    verdict: "lost",
    because: "its keeper is dead and it ended while nobody watched",
    when: { ...spawned, ...orphan, exitNoted: no, ended: no, process: ["gone"] },
  },
  {
    verdict: "leaveUnknown",
    because: "its keeper is dead and whether it lives cannot be told",
    when: { ...spawned, ...orphan, exitNoted: no, ended: no, process: ["unknown"] },
  },
  {
    verdict: "writeNotedExit",
    because: "its keeper saw the exit and died before it could write exit.json",
    when: { ...spawned, ...orphan, exitNoted: yes, process: ["gone", "unknown"] },
  },
  {
    verdict: "lost",
    because: "it ended, and how is written nowhere",
    when: { ...spawned, ...orphan, exitNoted: no, ended: yes, process: ["gone"] },
  },
  {
    verdict: "leaveUnknown",
    because: "it is said to have ended, nothing says how, and whether it lives cannot be told",
    when: { ...spawned, ...orphan, exitNoted: no, ended: yes, process: ["unknown"] },
  },
  {
    verdict: "adoptByMark",
    because: "its keeper died between the spawn and writing it down; a live process carries its mark",
    when: { ...unspawned, ...orphan, ended: no, markFound: yes },
  },
  {
    verdict: "neverStarted",
    because: "its keeper died before the spawn; nothing carries its mark",
    when: { ...unspawned, ...orphan, ended: no, markFound: no },
  },
  {
    verdict: "neverStarted",
    because: "it ended without having been spawned, and its exit.json is missing",
    when: { ...unspawned, ...orphan, ended: yes, markFound: no },
  },

  // The machine has been down.
  {
    verdict: "writeNotedExit",
    because: "its keeper saw the exit before the machine went down",
    when: { ...spawned, ...otherBoot, exitNoted: yes, process: ["gone", "unknown"] },
  },
  {
    verdict: "reboot",
    because: "the machine went down under it",
    when: { ...spawned, ...otherBoot, exitNoted: no, ended: no, process: ["gone", "unknown"] },
  },
  {
    verdict: "lost",
    because: "it ended before the machine went down, and how is written nowhere",
    when: { ...spawned, ...otherBoot, exitNoted: no, ended: yes, process: ["gone", "unknown"] },
  },
  {
    verdict: "reboot",
    because: "the machine went down while it was being started",
    when: { ...unspawned, ...otherBoot, ended: no, markFound: no },
  },
  {
    verdict: "neverStarted",
    because: "it ended without having been spawned, before the machine went down",
    when: { ...unspawned, ...otherBoot, ended: yes, markFound: no },
  },

  // Contradictions.
  { verdict: "impossible", because: "an exit is noted, and no state to note it in", when: { ...open, stateOnDisk: no, exitNoted: yes } },
  {
    verdict: "impossible",
    because: "an identity is recorded, and no state to record it in",
    when: { ...open, stateOnDisk: no, exitNoted: no, spawned: yes },
  },
  {
    verdict: "impossible",
    because: "an ended phase, and no state to hold it",
    when: { ...open, stateOnDisk: no, exitNoted: no, spawned: no, ended: yes },
  },
  {
    verdict: "impossible",
    because: "an identity was compared that is not recorded, and there is no state",
    when: { ...open, stateOnDisk: no, exitNoted: no, spawned: no, ended: no, process: ["same", "gone", "unknown"] },
  },
  { verdict: "impossible", because: "the asking keeper is recorded, and no state to record it in", when: { ...bare, keeperIsMe: yes } },
  {
    verdict: "impossible",
    because: "an identity was compared that is not recorded",
    when: { ...open, stateOnDisk: yes, spawned: no, process: ["same", "gone", "unknown"] },
  },
  {
    verdict: "impossible",
    because: "an exit is noted of something that was never spawned",
    when: { ...open, stateOnDisk: yes, spawned: no, process: ["none"], exitNoted: yes },
  },
  {
    verdict: "impossible",
    because: "a recorded identity was not compared",
    when: { ...open, stateOnDisk: yes, spawned: yes, process: ["none"] },
  },
  {
    verdict: "impossible",
    because: "its exit is noted and it lives",
    when: { ...spawned, ...orphan, exitNoted: yes, process: ["same"] },
  },
  {
    verdict: "impossible",
    because: "it is said to have ended and it lives",
    when: { ...spawned, ...orphan, exitNoted: no, ended: yes, process: ["same"] },
  },
  {
    verdict: "impossible",
    because: "it was never spawned, it is said to have ended, and a live process carries its mark",
    when: { ...unspawned, ...orphan, ended: yes, markFound: yes },
  },
  { verdict: "impossible", because: "a process of another boot lives", when: { ...spawned, ...otherBoot, process: ["same"] } },
  {
    verdict: "impossible",
    because: "a process that was being started in another boot lives",
    when: { ...unspawned, ...otherBoot, markFound: yes },
  },
];

/** The rows that hold for the evidence: always exactly one. */
export function rowsFor(evidence: Evidence): RecoveryRow[] {
  const names = Object.keys(evidence) as (keyof Evidence)[];
  return recoveryTable.filter((row) =>
    names.every((name) => {
      const allowed = row.when[name] as readonly unknown[] | undefined;
      return allowed === undefined || allowed.includes(evidence[name]);
    }),
  );
}

/** Decides what becomes of one process folder, and why. Pure: nothing is looked up and nothing is changed. */
export function recoveryVerdict(evidence: Evidence): { readonly verdict: Verdict; readonly because: string } {
  const [row] = rowsFor(evidence);
  if (row === undefined) return { verdict: "impossible", because: "no row of the table fits" };
  return { verdict: row.verdict, because: row.because };
}
