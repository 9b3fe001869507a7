import type { Notice } from "../../src/contract/index.ts";
import type { Outcome, Played } from "./wakesStorm.ts";

/**
 * Compares what was told with what was printed, and throws with every promise that was broken: each line that a rule waits for is told once,
 * each match of the others is told or counted, each end is told once unless it was known, and what a turn has it has once.
 */
export function verifyWakes(what: Outcome): void {
  const problems: string[] = [];
  const notices = what.store.notices.list();
  const times = (id: string): number => what.turns.filter((turn) => turn === id).length;
  for (const notice of notices) {
    const count = times(notice.id);
    if (count > 1) problems.push(`${notice.id} (${notice.kind}) is in ${count} turns`);
    if (notice.state === "delivered" && count !== 1) problems.push(`${notice.id} counts as delivered and is in ${count} turns`);
    if (notice.state !== "delivered" && notice.state !== "consumed") problems.push(`${notice.id} is ${notice.state}`);
    if (notice.state === "consumed" && notice.kind !== "completion") problems.push(`${notice.id} (${notice.kind}) is consumed`);
    if (notice.state === "consumed" && !what.known.has(notice.process_id ?? "")) problems.push(`${notice.id}: nobody knew of it`);
  }
  for (const id of what.stale) problems.push(`${id} tells an end that was on record as known`);
  for (const id of what.turns) if (!notices.some((notice) => notice.id === id)) problems.push(`${id} is in a turn without a notice`);
  for (const played of what.played) checkProcess(what, played, notices, (problem) => problems.push(`${played.id}: ${problem}`));
  const trips = notices.filter((notice) => notice.kind === "watch_overflow_tripped").length;
  const releases = notices.filter((notice) => notice.kind === "watch_overflow_released").length;
  if (trips !== releases) problems.push(`the breaker tripped ${trips} times and let go ${releases} times`);
  if (problems.length > 0) throw new Error(`${what.at}: promises broken\n  ${problems.join("\n  ")}`);
}

function checkProcess({ store, known }: Outcome, played: Played, all: readonly Notice[], say: (problem: string) => void): void {
  const own = all.filter((notice) => notice.process_id === played.id);
  const matches = own.filter((notice) => notice.kind === "watch_match");
  const disabled = own.filter((notice) => notice.kind === "watch_disabled");
  const expected = expectedMatches(played);
  const watches = store.watches.ofProcess(played.id);
  // Which of several rules an open line counts for depends on when it was looked at; that it counts once does not.
  const exact = disabled.length === 0 && (played.rules.length === 1 || !played.wasOpen);
  const lines = new Map(linesOf(played.text).map((line) => [line.offset, line.seen]));
  const offsets = matches.map((notice) => notice.data.offset);
  if (new Set(offsets).size !== offsets.length) say(`a line was told twice: ${offsets}`);
  for (const [index, rule] of played.rules.entries()) {
    const watch = watches[index];
    if (watch === undefined) {
      say(`rule ${index} is gone`);
      continue;
    }
    const told = matches.filter((notice) => notice.data.watch === watch.id).map((notice) => notice.data.offset);
    const offsets = expected.filter((match) => match.rule === index).map((match) => match.offset);
    if (told.some((offset) => !fits(rule.match, lines.get(offset as number) ?? ""))) say(`rule ${index} was told at ${told}`);
    if (rule.mode === "once" && told.length > 1) say(`rule ${index} (once) was told at ${told}`);
    if (exact && rule.mode === "once" && JSON.stringify(told) !== JSON.stringify(offsets)) {
      say(`rule ${index} (once) should be told at ${offsets}, and was at ${told}`);
    }
    if (exact && watch.hits !== offsets.length) say(`rule ${index} has ${watch.hits} hits and matches ${offsets.length} lines`);
    if (watch.state === "active") say(`rule ${index} is still active`);
  }
  checkCounts(store, played, own, say);
  const ends = own.filter((notice) => notice.kind === "completion");
  const wanted = played.notify || disabled.length > 0 ? 1 : 0;
  // Of one that was known before it was to be told there may be a record, so that it never is.
  const recorded = ends.every((notice) => notice.state === "consumed") && known.has(played.id);
  if (ends.length !== wanted && !(ends.length === 1 && recorded)) say(`its end was told ${ends.length} times, not ${wanted}`);
  if (disabled.length > 1) say(`its watches were switched off ${disabled.length} times`);
}

/** Every hit of a rule that counts every match was told, or counted where something tells it. */
function checkCounts(store: Outcome["store"], played: Played, own: readonly Notice[], say: (problem: string) => void): void {
  const every = store.watches.ofProcess(played.id).filter((watch) => watch.rule.mode === "every");
  const hits = every.reduce((sum, watch) => sum + watch.hits, 0);
  const told = own.filter((notice) => notice.kind === "watch_match" && every.some((watch) => watch.id === notice.data.watch)).length;
  // What an end has told of was still counted then, so it must not be added a second time.
  const counted = own
    .filter((notice) => notice.kind !== "completion")
    .reduce((sum, notice) => sum + Number(notice.data.suppressed ?? 0), 0);
  const limit = (store.scans.get(played.id)?.state as { limit?: { suppressed: number } } | undefined)?.limit?.suppressed ?? 0;
  const held = store.notices
    .list()
    .filter((notice) => notice.kind === "watch_overflow_released")
    .reduce((sum, notice) => sum + ((notice.data.by_process as Record<string, number>)[played.id] ?? 0), 0);
  if (hits !== told + counted + limit + held) say(`${hits} hits, but ${told} told, ${counted} + ${limit} counted, ${held} held back`);
}

/** By the definition: lines, one after the other; each counts for the first rule that it fits. */
function expectedMatches({ rules, text }: Played): { rule: number; offset: number }[] {
  const active = rules.map(() => true);
  const found: { rule: number; offset: number }[] = [];
  for (const { offset, seen } of linesOf(text)) {
    const rule = rules.findIndex(({ match }, index) => active[index] && fits(match, seen));
    if (rule !== -1) {
      found.push({ rule, offset });
      if (rules[rule]!.mode === "once") active[rule] = false;
    }
  }
  return found;
}

/** Lines with the offset at which they begin, without colours. */
function linesOf(text: string): { offset: number; seen: string }[] {
  let offset = 0;
  return text.split(/(?<=[\r\n])/).map((line) => {
    const one = { offset, seen: line.replaceAll(/\u001b\[\d+m/g, "") };
    offset += Buffer.byteLength(line);
    return one;
  });
}

export function fits(match: string | { re2: string }, line: string): boolean {
  return typeof match === "string" ? line.includes(match) : new RegExp(match.re2).test(line);
}
