import { exitOf } from "../../../test/setup/records.ts";
import {
  type ExitFile,
  type HandOver,
  HermaError,
  type Interest,
  type LimitsChange,
  type ProcessId,
  type ProcessView,
  type ReadResult,
  timestampOf,
} from "../../contract/index.ts";
import type { Registry, WaitOptions } from "../../processes/index.ts";
import { changedLimits } from "../../rules/index.ts";

/** A process that is played: it prints and ends when the test says so. */
export type Played = { view: ProcessView; output: string; readonly written: string[] };

export type FakeRegistry = {
  readonly registry: Registry;
  readonly processes: Map<ProcessId, Played>;
  readonly interests: Map<ProcessId, Interest>;
  /** Processes whose end counts as known. */
  readonly told: ReadonlySet<ProcessId>;
  print(id: ProcessId, text: string): void;
  end(id: ProcessId, exit?: Partial<ExitFile>): void;
};

const second = 1_700_000_000_000;

/** The registry over played processes: nothing is started, nothing is read from disk, and every wait answers at once. */
export function fakeRegistry(): FakeRegistry {
  const processes = new Map<ProcessId, Played>();
  const interests = new Map<ProcessId, Interest>();
  const acknowledged = new Map<string, number>();
  const told = new Set<ProcessId>();
  const changed = new EventTarget();
  const ring = (): void => void changed.dispatchEvent(new Event("change"));

  const played = (id: ProcessId): Played => {
    const found = processes.get(id);
    if (found === undefined) throw new HermaError("PROCESS_NOT_FOUND", `there is no process ${id}`);
    return found;
  };
  const live = (id: ProcessId): Played => {
    const one = played(id);
    if (one.view.exit !== null) throw new HermaError("PROCESS_ENDED", `${id} has ended`);
    return one;
  };
  const members: Pick<Registry, "start" | "list" | "get" | "resolve" | "follow" | "write" | "resize" | "signal" | "kill"> = {
    async start(options) {
      if (options.command === "fail") throw new HermaError("KEEPER_UNAVAILABLE", "no keeper");
      const id = `proc_${(processes.size + 0xabc0).toString(16).padStart(12, "0")}` as ProcessId;
      processes.set(id, { view: viewOf(id, options), output: "", written: [] });
      if (options.notifyOnComplete === true) interests.set(id, interestOf(id, true));
      if (options.command === "true") fake.end(id);
      return played(id).view;
    },
    list: ({ all } = {}) =>
      [...processes.values()]
        .map(({ view }) => view)
        .toReversed()
        .filter((view) => all === true || view.exit === null),
    get: (id) => played(id).view,
    resolve(reference) {
      const found = [...processes.values()].filter(
        ({ view }) => view.id === reference || view.name === reference || (reference.length >= 9 && view.id.startsWith(reference)),
      );
      if (found.length > 1) throw new HermaError("PROCESS_AMBIGUOUS", `${reference} fits several`);
      if (found[0] === undefined) throw new HermaError("PROCESS_NOT_FOUND", `there is no process ${JSON.stringify(reference)}`);
      return found[0].view.id;
    },
    async *follow(id, { since = 0, signal } = {}) {
      for (;;) {
        const { output, view } = played(id);
        const bytes = Buffer.from(output).subarray(since);
        if (bytes.length > 0) yield { kind: "bytes" as const, offset: since, bytes };
        if (bytes.length > 0 || view.exit !== null || signal?.aborted === true) return;
        await new Promise<void>((resolve) => {
          changed.addEventListener("change", () => resolve(), { once: true });
          signal?.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    },
    async write(id, { data }) {
      const one = live(id);
      one.written.push(String(data));
      return { bytes_written: Buffer.byteLength(String(data)), offset: one.view.output.end };
    },
    async resize(id) {
      live(id);
    },
    async signal(id, { signal }) {
      live(id);
      if (!/^(SIG)?[A-Z0-9]+$/i.test(signal)) throw new HermaError("BAD_REQUEST", `there is no signal ${JSON.stringify(signal)}`);
      return { signalled: [1] };
    },
    async kill(id, { source = "" } = {}) {
      const { view } = played(id);
      if (view.exit !== null) return { verdict: "already_exited", survivors: [], exit: view.exit, process: view };
      fake.end(id, { cause: "killed", code: null, signal: "SIGTERM", termination_source: source });
      const ended = played(id).view;
      return { verdict: "killed", survivors: [], exit: ended.exit, process: ended };
    },
  };
  const fake: FakeRegistry = {
    processes,
    interests,
    told,
    print(id, text) {
      const one = played(id);
      one.output += text;
      const end = Buffer.byteLength(one.output);
      one.view = { ...one.view, output: { end, kept_bytes: end, dropped_bytes: 0 } };
      ring();
    },
    end(id, exit = {}) {
      const one = played(id);
      one.view = { ...one.view, phase: "ended", pid: null, ended_at: timestampOf(second), exit: exitOf(id, exit), stdin: "none" };
      ring();
    },
    registry: {
      ...members,
      read(id: ProcessId, options: { since?: number | "start" | "last"; reader?: string } = {}) {
        const { output, view } = played(id);
        const bytes = Buffer.from(output);
        const known = acknowledged.get(`${id} ${options.reader}`) ?? 0;
        const asked = options.since;
        const from = Math.min(bytes.length, asked === "last" ? known : typeof asked === "number" ? asked : 0);
        const text = bytes.subarray(from).toString();
        const lines = output.split("\n");
        const result: ReadResult & Record<string, unknown> = {
          id,
          text,
          from,
          to: bytes.length,
          end: bytes.length,
          omitted_bytes: 0,
          lost_bytes: 0,
          gaps: [],
          more: false,
          phase: view.phase,
          exit: view.exit,
          reader: options.reader ?? null,
          acknowledge_to: options.reader === undefined ? null : bytes.length,
          total_lines: output === "" ? 0 : lines.length,
          matches: [],
          matches_total: 0,
        };
        return result;
      },
      acknowledge(id: ProcessId, { reader, to }: { reader: string; to: number }) {
        const key = `${id} ${reader}`;
        acknowledged.set(key, Math.max(to, acknowledged.get(key) ?? 0));
      },
      async wait(options: WaitOptions) {
        const views = options.ids.map((id) => played(id).view);
        const reason = options.signal?.aborted === true ? "interrupted" : views.every((view) => view.exit !== null) ? "exit" : "deadline";
        return { reason, processes: views.map((view) => ({ ...view, met: reason === "exit" })) };
      },
      notices: {
        endKnown(id: ProcessId) {
          told.add(id);
        },
      },
      interest: {
        watches: () => [],
        get: (id: ProcessId) => interests.get(id) ?? null,
        handOver(id: ProcessId, { session, purpose }: HandOver) {
          const interest = { ...(interests.get(id) ?? interestOf(id, false)), session, purpose };
          interests.set(id, interest);
          return interest;
        },
        update(id: ProcessId, change: { notify_on_complete?: boolean }) {
          const interest = interestOf(id, change.notify_on_complete ?? interests.get(id)?.notify_on_complete ?? false);
          interests.set(id, interest);
          return interest;
        },
      },
      async updateLimits(id: ProcessId, change: LimitsChange) {
        const one = live(id);
        one.view = { ...one.view, limits: changedLimits(one.view.limits, change) };
        return one.view.limits;
      },
    } as unknown as Registry,
  };
  return fake;
}

function viewOf(id: ProcessId, options: Parameters<Registry["start"]>[0]): ProcessView {
  const tty = options.tty === true ? { rows: 30, cols: 120 } : null;
  return {
    id,
    name: options.name ?? null,
    phase: "running",
    command: options.command as string,
    cwd: options.cwd ?? "/",
    pid: 4242,
    identity: null,
    owner: options.owner,
    lifetime: options.lifetime ?? "session",
    environment: "local",
    created_at: timestampOf(second),
    started_at: timestampOf(second),
    ended_at: null,
    uptime_seconds: 1.5,
    stdin: options.stdin === "pipe" || tty !== null ? "open" : "none",
    tty,
    limits: changedLimits({}, options.limits ?? {}),
    paused: false,
    stopping_for: null,
    restart_survival: "detached",
    adoptions: 0,
    output: { end: 0, kept_bytes: 0, dropped_bytes: 0 },
    losses: [],
    exit: null,
    problem: null,
  } as ProcessView;
}

function interestOf(id: ProcessId, notify: boolean): Interest {
  const wake = { success: "turn", failure: "turn", stopped: "context", lost: "turn" } as const;
  return {
    process_id: id,
    session: "s",
    task: null,
    notify_on_complete: notify,
    wake,
    heartbeat_seconds: null,
    purpose: null,
    route: null,
  };
}
