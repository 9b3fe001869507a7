import {
  type Cell,
  type Evidence,
  type GatewayEvent,
  gatewayTable,
  type NoticeEvent,
  noticeTable,
  type ProcessEvent,
  processTable,
  type RecoveryRow,
  recoveryTable,
  type Table,
  type Verdict,
} from "../../src/rules/index.ts";
import { generatedFrom, tableOf } from "./markdown.ts";

const processEvents: Record<ProcessEvent, string> = {
  spawned: "the child runs",
  spawnFailed: "the system would not run it",
  killAsked: "somebody wants it to end",
  exitSeen: "its exit is known; its stream may still hold output",
  settled: "its exit is known, its stream is drained, exit.json stands",
  adopted: "another keeper holds it now",
  foundDead: "it was found to be over, and nobody had watched",
  inputAsked: "input was sent to it",
  signalAsked: "a signal was sent to it",
  resizeAsked: "its terminal was given another size",
  limitsAsked: "its limits were changed",
};

const gatewayEvents: Record<GatewayEvent, string> = {
  ready: "everything that boot brings up is up",
  failed: "boot gave up",
  degraded: "something it needs does not answer",
  mended: "what it needs answers again",
  drainAsked: "a drain was asked for from outside",
  drainCancelled: "the last drain from outside was taken back",
  stopAsked: "a signal, a command or a loss tells it to end",
  stopped: "everything is down",
};

const noticeEvents: Record<NoticeEvent, string> = {
  claim: "a reader's program takes it, to hand it over",
  deliver: "whoever claimed it says that the reader's turn has it durably",
  release: "whoever claimed it gives it back",
  leaseOver: "the claim was not kept in time",
  consume: "what it tells was waited for or read",
  giveUp: "it has failed too often to be tried again",
};

const evidences: Record<keyof Evidence, string> = {
  exitOnDisk: "exit.json stands",
  exitNoted: "state.json notes an exit that was seen but not settled",
  stateOnDisk: "state.json stands and can be read",
  spawned: "state.json has an identity",
  ended: "state.json says that it ended",
  keeperAlive: "the recorded keeper lives; with no state.json, any keeper that may have been asked to start it",
  keeperIsMe: "the recorded keeper is the one that asks",
  process: "the recorded identity compared with what runs now",
  sameBoot: "everything recorded is from the boot that runs now",
  starterAlive: "whoever wrote spec.json lives",
  markFound: "a live process carries this id's mark, though no identity was recorded",
};

const verdicts: Record<Verdict, string> = {
  finished: "nothing is left to do",
  held: "it is somebody else's, or still one's own: it is left alone",
  adopt: "it is taken over by its identity",
  adoptByMark: "the live process that carries its mark is taken over",
  writeNotedExit: "exit.json is written from the exit that state.json notes",
  lost: "exit.json says that it ended while nobody watched",
  reboot: "exit.json says that the machine went down under it",
  neverStarted: "exit.json says that it never ran",
  leaveToStarter: "its starter is about to have it started: it is left alone",
  leaveUnknown: "what matters cannot be known now: it is left alone and looked at again later",
  impossible: "the evidence contradicts itself: it is left alone, and that is told",
};

/** `docs/states.md`: the lives of a process, a gateway and a notice, and the recovery table, with every reason. */
export function statesMarkdown(): string {
  return `${generatedFrom("src/rules/processTable.ts, gatewayTable.ts, noticeTable.ts and recovery.ts")}

# States

Each life is one table: what every event does in every state. **→** moves, *stays* means that it happens and the state is the same, a number in
brackets means that nothing happens and why stands below the table, and a code is the error that whoever asked is told (see [errors](errors.md)).
\`INTERNAL\` marks what cannot happen.

## A process

${lifeOf(processTable, processEvents)}

## A gateway

${lifeOf(gatewayTable, gatewayEvents)}

## A notice

A fact somebody asked to be told about, from the moment it is stored until its reader knows it.

${lifeOf(noticeTable, noticeEvents)}

## Recovery

What a keeper does with a process folder that it finds is decided by one table. A test walks every combination of evidence and finds exactly
one row for each, so the order of the rows means nothing. Where the system may be unable to tell there is a third answer, \`unknown\`, and it
never ends anything and never takes anything away; only another boot proves what the system may be unable to tell.

${recoveryOf(recoveryTable)}
`;
}

function lifeOf<State extends string, Event extends string>(table: Table<State, Event>, events: Record<Event, string>): string {
  const states = Object.keys(table) as State[];
  const reasons: string[] = [];
  const rows = (Object.keys(events) as Event[]).map((event) => [
    `\`${event}\`: ${events[event]}`,
    ...states.map((state) => cellText(table[state][event], state, reasons)),
  ]);
  const notes = reasons.map((reason, index) => `${index + 1}. ${reason}`).join("\n");
  return `${tableOf(["event", ...states], rows)}\n\n${notes}`;
}

function cellText<State extends string>(cell: Cell<State>, state: State, reasons: string[]): string {
  switch (cell.kind) {
    case "move":
      return cell.to === state ? "*stays*" : `→ **${cell.to}**`;
    case "refuse":
      return `\`${cell.code}\``;
    case "ignore":
      if (!reasons.includes(cell.reason)) reasons.push(cell.reason);
      return `(${reasons.indexOf(cell.reason) + 1})`;
  }
}

function recoveryOf(table: readonly RecoveryRow[]): string {
  const codes = (record: Record<string, string>) => Object.entries(record).map(([name, text]) => [`\`${name}\``, text]);
  const sure = table.filter((row) => row.verdict !== "impossible");
  const impossible = table.filter((row) => row.verdict === "impossible");
  return `### The evidence

${tableOf(["evidence", "what it says"], codes(evidences))}

### The verdicts

${tableOf(["verdict", "what happens"], codes(verdicts))}

### The table

${tableOf(["verdict", "because", "when"], sure.map(recoveryCells))}

### Contradictions

${tableOf(["verdict", "because", "when"], impossible.map(recoveryCells))}`;
}

function recoveryCells(row: RecoveryRow): string[] {
  const when = Object.entries(row.when).map(([name, allowed]) => `${name} ${allowed.map(wordOf).join("/")}`);
  return [`\`${row.verdict}\``, row.because, when.join(", ")];
}

function wordOf(value: boolean | string): string {
  return typeof value === "string" ? value : value ? "yes" : "no";
}
