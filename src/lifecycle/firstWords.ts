import { type GatewayRecord, timestampOf } from "../contract/index.ts";
import { type Boot, type RestartLoop, restartLoop } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { type Autopsy, openAutopsies } from "./autopsy.ts";
import { type DiaryNote, readDiary, writeDiary } from "./exitDiary.ts";

/** What a starting gateway learns of those before it. */
export type Past = {
  /** Of those that ended without a word, since the last start. */
  readonly autopsies: readonly Autopsy[];
  readonly loop: RestartLoop;
  /** What could not be written; null when all was. */
  readonly problem: unknown;
};

/**
 * Begins the part of one gateway in the diary: explains the ends before it, records its start, and checks whether starts follow each other too
 * quickly. Only for the holder of the home, before the last one's state is overwritten. Never throws: a disk that fails must not look like
 * a loop.
 */
export function openChapter(
  system: Pick<System, "clock" | "files" | "processes" | "vitals">,
  home: string,
  record: GatewayRecord,
  limits: { readonly bootsMax: number; readonly gapMs: number },
): Past {
  // Once: a long diary takes longer to read than all the rest here.
  const diary = readDiary(system.files, home);
  const autopsies = openAutopsies(system, home, record, diary);
  const machine = system.vitals.machine();
  const nowMs = system.clock.wallMs();
  const start: DiaryNote = {
    event: "start",
    at: record.started_at ?? timestampOf(nowMs),
    instance_id: record.instance_id ?? null,
    pid: record.pid,
    boot_id: record.boot_id ?? null,
    version: record.version ?? null,
    oom: { machine: machine.oomKills, cgroup: machine.cgroup?.oomKills ?? null, cgroup_path: machine.cgroup?.path ?? null },
  };
  const problem = writeDiary(
    system.files,
    home,
    start,
    // The gateway does not wait for the disk here. If a power cut loses the entry, the state file still names this instance.
    { trim: true, durable: false },
  );
  return { autopsies, loop: restartLoop(bootsOf([...diary, ...autopsies.map(({ note }) => note), start]), nowMs, limits), problem };
}

/** Ends that a person asked for. A start after one of them is meant, so it does not count towards a restart loop. */
const wantedEnds: ReadonlySet<string | undefined> = new Set(["planned_stop", "interrupted"]);

/** The starts in a diary. The first one counts as following a planned end. */
function bootsOf(diary: readonly DiaryNote[]): Boot[] {
  const boots: Boot[] = [];
  let wanted = true;
  for (const entry of diary) {
    if (entry.instance_id === null) continue;
    if (entry.event === "start") boots.push({ atMs: Date.parse(entry.at), wanted });
    else wanted = entry.event === "exit" && wantedEnds.has(entry.reason);
  }
  return boots;
}
