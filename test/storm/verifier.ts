import { ExitFile, type Loss, type ProcessId, processPaths, SpecFile, StateFile } from "../../src/contract/index.ts";
import { headBytes, type Segment, segmentStart } from "../../src/rules/index.ts";
import type { Life, Observer } from "./observer.ts";

export type Verified = {
  readonly observer: Observer;
  /** Every process whose start was asked for, and answered. */
  readonly started: readonly ProcessId[];
  /** Those whose end was asked for: nobody else's tree may have been signalled. */
  readonly killed: ReadonlySet<ProcessId>;
  /** Processes that a keeper holds now. */
  readonly held: ReadonlySet<ProcessId>;
  /** A keeper died or a disk failed: then state.json may have stayed behind exit.json, which is final whatever else is found. */
  readonly mayLag: boolean;
  /**
   * A disk failed and a keeper died on it: then what it knew of losses, and nothing else, may be lost with it. Kept bytes are still what was
   * printed, in order.
   */
  readonly mayForget: boolean;
  /** Where in the storm this is, for whoever reads the failure: seed, fault, moment. */
  readonly at: string;
};

/** As long as a line or two, each of which is there once. */
const jumpSampleBytes = 64;

type FolderNow = {
  readonly id: ProcessId;
  readonly spec: SpecFile | null;
  readonly state: StateFile | null;
  readonly exit: ExitFile | null;
  readonly segments: (Segment & { readonly data: Buffer })[];
};

/**
 * Looks at the disk as a reader does, compares it with what the observer saw, and throws with every promise that was broken: one end each and
 * only one, no code that nobody proved, every kept byte at its address and every missing one on record, nothing signalled that was not ours,
 * nothing left lying about.
 */
export function verify(what: Verified): void {
  const problems: string[] = [];
  for (const id of what.started) {
    const folder = readFolderNow(what.observer, id);
    const say = (problem: string): void => {
      problems.push(`${id}: ${problem}`);
    };
    for (const problem of what.observer.sight(id).problems) say(problem);
    checkEnd(what, folder, say);
    checkEvidence(what.observer, folder, say);
    checkOutput(what, folder, say);
    checkLeftovers(what.observer, folder, say);
  }
  problems.push(...strayedSignals(what));
  if (problems.length > 0) throw new Error(`${what.at}: promises broken\n  ${problems.join("\n  ")}`);
}

type Say = (problem: string) => void;

/** Exactly one end, or it lives and a keeper holds it; and it was run once at most. */
function checkEnd({ observer, held, mayLag }: Verified, { id, exit, state }: FolderNow, say: Say): void {
  const { exits } = observer.sight(id);
  const roots = observer.rootsOf(id);
  if (roots.length > 1) say(`it was run ${roots.length} times`);
  if (exits.length > 1) say(`exit.json was written ${exits.length} times:\n    ${exits.join("\n    ")}`);
  const alive = roots.some((root) => observer.alive(root));
  if (exit === null) {
    if (!alive) say("it has ended, and has no exit.json");
    else if (!held.has(id)) say("it lives, and no keeper holds it");
    else if (state === null || state.identity?.pid !== roots[0]?.pid) say("it lives, and its state.json does not know it");
    return;
  }
  if (alive) say("it has an exit.json and lives");
  if (state !== null && state.phase !== "ended" && !mayLag) say(`it has an exit.json, and its state.json says ${state.phase}`);
}

/** Codes and signals are what the kernel saw, or are not told. */
function checkEvidence(observer: Observer, { id, exit, state }: FolderNow, say: Say): void {
  if (exit === null || exit.cause === "failed_start") return;
  const [root] = observer.rootsOf(id);
  const told = exit.code !== null || exit.signal !== null;
  if (exit.evidence === "none" && told) say(`its code ${exit.code} (${exit.signal}) stands on no evidence`);
  if (exit.evidence !== "none" && !told) say("its evidence proves nothing");
  if (!told) return;
  if (root?.status == null || root.status.code !== exit.code || root.status.signal !== exit.signal) {
    say(`it ended with ${root?.status?.code} (${root?.status?.signal}), exit.json says ${exit.code} (${exit.signal})`);
  }
  if (exit.evidence === "wait" && (state?.adoptions ?? 0) > 0) say("a keeper that adopted it says it waited for it");
}

/**
 * Walks the kept bytes along what was printed. Holes count as they are wide. Where a keeper died, bytes that it had read and not written are
 * missing, nobody knows how many: there the walk may jump ahead, and only there.
 */
function checkOutput({ observer, mayForget }: Verified, folder: FolderNow, say: Say): void {
  const sight = observer.sight(folder.id);
  for (const [index, end] of sight.toldEnds.entries()) {
    if (index > 0 && end < sight.toldEnds[index - 1]!) say(`its told end of output went back from ${sight.toldEnds[index - 1]} to ${end}`);
  }
  // What goes into a terminal is not what comes out of it.
  if (folder.spec?.tty == null) {
    const problem = mayForget ? walkInOrder(observer, folder) : walk(observer, folder);
    if (problem !== null) say(problem);
  }
}

/** The first place where what is kept is not what was printed, or null. */
function walk(observer: Observer, folder: FolderNow): string | null {
  const printed = Buffer.concat(observer.sight(folder.id).printed);
  // exit.json is final; what was lost after it stands in state.json.
  const losses = [...(folder.exit?.losses ?? []), ...(folder.state?.losses ?? [])];
  const jumps = losses.filter((loss) => loss.bytes === null).map((loss) => loss.from);
  let shift = 0;
  let end = 0;
  for (const piece of pieces(folder.segments, jumps)) {
    if (piece.start < end) return `the segment at ${piece.start} overlaps the one before`;
    if (piece.start > end && !isRecorded(folder, { from: end, to: piece.start }, losses)) {
      return `the hole from ${end} to ${piece.start} is on no record`;
    }
    if (jumps.some((from) => from >= end && from <= piece.start)) {
      const found = printed.indexOf(piece.data, piece.start + shift);
      if (found < 0) return `the bytes behind the keeper's death at ${piece.start} were never printed`;
      shift = found - piece.start;
    }
    const truth = printed.subarray(piece.start + shift, piece.start + shift + piece.data.length);
    if (!truth.equals(piece.data)) return `the ${piece.data.length} bytes at ${piece.start} are not what was printed there`;
    end = piece.start + piece.data.length;
  }
  for (const loss of losses) if (loss.bytes !== null) end = Math.max(end, loss.from + loss.bytes);
  const missing = printed.length - (end + shift);
  if (missing < 0) return `${-missing} more bytes are told than were printed`;
  // While a stream is open the rest may still be in it.
  const open = folderHasPipe(observer, folder.id);
  if (missing > 0 && !open && !jumps.some((from) => from >= end)) return `the last ${missing} bytes are missing and on no record`;
  return null;
}

/** As {@link walk}, with jumps ahead wherever they are needed. */
function walkInOrder(observer: Observer, { id, segments }: FolderNow): string | null {
  const printed = Buffer.concat(observer.sight(id).printed);
  let at = 0;
  for (const segment of segments) {
    for (let done = 0; done < segment.data.length; ) {
      // A jump may lie within the sample: then less of it is looked for. The earliest place is never behind the true one.
      let sample = segment.data.subarray(done, done + jumpSampleBytes);
      let found = printed.indexOf(sample, at);
      while (found < 0 && sample.length > 1) {
        sample = sample.subarray(0, Math.ceil(sample.length / 2));
        found = printed.indexOf(sample, at);
      }
      if (found < 0) return `the bytes at ${segment.start + done} were never printed there`;
      at = found + sample.length;
      done += sample.length;
    }
  }
  return null;
}

/** A hole is what the disk refused, or what retention dropped right behind the head. */
function isRecorded({ spec, segments }: FolderNow, hole: { from: number; to: number }, losses: readonly Loss[]): boolean {
  let lostUntil = hole.from;
  for (const loss of losses.toSorted((a, b) => a.from - b.from)) {
    if (loss.from <= lostUntil) lostUntil = Math.max(lostUntil, loss.from + (loss.bytes ?? 0));
  }
  if (lostUntil >= hole.to) return true;
  const tail = segments.find((segment) => segment.start >= headBytes);
  const dropping = (spec?.limits.on_output_limit ?? "dropMiddle") !== "pause";
  return dropping && lostUntil >= headBytes && hole.to === tail?.start;
}

/** Segments cut where a keeper died, so that each piece is printed without a break. */
function pieces(segments: FolderNow["segments"], jumps: readonly number[]): { start: number; data: Buffer }[] {
  return segments.flatMap(({ start, data }) => {
    const cuts = [...new Set(jumps)].filter((at) => at > start && at < start + data.length).sort((a, b) => a - b);
    return [start, ...cuts].map((from, index) => ({
      start: from,
      data: data.subarray(from - start, (cuts[index] ?? Number.POSITIVE_INFINITY) - start),
    }));
  });
}

/** An ended process whose stream has ended leaves its record and its output, and nothing else. */
function checkLeftovers(observer: Observer, { id, exit }: FolderNow, say: Say): void {
  if (exit === null) return;
  const names = namesIn(observer, processPaths(observer.home, id).folder);
  if (names.includes(".exit.reserved")) say("the space reserved for its exit.json is left");
  const others = observer.lives.some((life) => life.owner === id && observer.alive(life));
  if (names.includes("pipe") && !others) say("its FIFO is left");
}

/** Signals that reached somebody who is not in the tree of a process that was to be ended. */
function strayedSignals({ observer, killed }: Verified): string[] {
  const problems: string[] = [];
  for (const sent of observer.machine.kernel.signals) {
    if (sent.result !== "sent") continue;
    const life = observer.lives.find((each) => each.pid === sent.target.pid && each.startTime === sent.target.start_time);
    if (mayBeSignalled(life, killed)) continue;
    problems.push(`${sent.signal} at ${sent.atMs} ms reached ${sent.name} (${sent.target.pid}), which was nobody's to signal`);
  }
  return problems;
}

function mayBeSignalled(life: Life | undefined, killed: ReadonlySet<ProcessId>): boolean {
  return life !== undefined && life.owner !== null && killed.has(life.owner);
}

function readFolderNow(observer: Observer, id: ProcessId): FolderNow {
  const paths = processPaths(observer.home, id);
  const segments = namesIn(observer, paths.output)
    .map((name) => ({ start: segmentStart(name), data: dataAt(observer, `${paths.output}/${name}`) }))
    .filter((segment): segment is { start: number; data: Buffer } => segment.start !== null && segment.data !== null)
    .map(({ start, data }) => ({ start, size: data.length, data }))
    .sort((a, b) => a.start - b.start);
  return {
    id,
    segments,
    spec: parsed(SpecFile, dataAt(observer, paths.spec)),
    state: parsed(StateFile, dataAt(observer, paths.state)),
    exit: parsed(ExitFile, dataAt(observer, paths.exit)),
  };
}

function parsed<T>(schema: { parse(value: unknown): T }, data: Buffer | null): T | null {
  return data === null ? null : schema.parse(JSON.parse(data.toString("utf8")));
}

function dataAt(observer: Observer, path: string): Buffer | null {
  const node = observer.machine.disk.find(path);
  return node?.kind === "file" ? node.data : null;
}

function namesIn(observer: Observer, folder: string): string[] {
  const node = observer.machine.disk.find(folder);
  return node?.kind === "folder" ? [...node.entries.keys()].sort() : [];
}

function folderHasPipe(observer: Observer, id: ProcessId): boolean {
  return observer.machine.disk.find(processPaths(observer.home, id).pipe) !== null;
}
