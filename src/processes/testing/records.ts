import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitOf, idOf, specOf, stateOf } from "../../../test/setup/records.ts";
import { type ExitFile, homePaths, type ProcessId, processPaths, type SpecFile, type StateFile } from "../../contract/index.ts";
import { segmentName } from "../../rules/index.ts";

export { exitOf, idOf, otherBoot, specOf, stateOf } from "../../../test/setup/records.ts";

export type Records = {
  readonly spec?: Partial<SpecFile> | null;
  readonly state?: Partial<StateFile> | null;
  readonly exit?: Partial<ExitFile> | null;
  /** Segments by absolute start offset. */
  readonly output?: Readonly<Record<number, string | Uint8Array>>;
};

/** Makes a process folder as a keeper leaves it. Null leaves the file out; exit is left out unless given. */
export function putFolder(home: string, number: number, records: Records = {}): ProcessId {
  const id = idOf(number);
  const paths = processPaths(home, id);
  mkdirSync(paths.output, { recursive: true, mode: 0o700 });
  if (records.spec !== null) writeFileSync(paths.spec, JSON.stringify(specOf(id, records.spec)));
  if (records.state !== null) writeFileSync(paths.state, JSON.stringify(stateOf(id, records.state)));
  if (records.exit != null) writeFileSync(paths.exit, JSON.stringify(exitOf(id, records.exit)));
  for (const [start, bytes] of Object.entries(records.output ?? {})) writeFileSync(join(paths.output, segmentName(Number(start))), bytes);
  return id;
}

/** An ended process. */
export function putEnded(home: string, number: number, records: Records = {}): ProcessId {
  const ended = records.output === undefined ? 0 : outputEnd(records.output);
  return putFolder(home, number, {
    ...records,
    state: records.state === undefined ? { phase: "ended" } : records.state,
    exit: { output_end: ended, ...records.exit },
  });
}

function outputEnd(output: NonNullable<Records["output"]>): number {
  return Math.max(0, ...Object.entries(output).map(([start, bytes]) => Number(start) + Buffer.from(bytes as string).length));
}

export function processesFolder(home: string): string {
  return homePaths(home).processes;
}
