import { dirname, resolve } from "node:path";
import {
  type AskedInterest,
  ChangeBody,
  checked,
  HermaError,
  isHermaError,
  KeeperProcess,
  type KeeperStart,
  type Limits,
  type ProcessId,
  type ProcessPaths,
  type ProcessView,
  processIdFrom,
  processPaths,
  SpecFile,
  specBytesMax,
  type TerminalSize,
  timestampOf,
} from "../contract/index.ts";
import { changedLimits, looksLikeId, startVariables } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { commandOptions } from "./act.ts";
import { type Context, liveIds } from "./context.ts";
import { findEnsured } from "./ensure.ts";
import { makeHomeFolder, readFolder, readState, standsAt } from "./folder.ts";
import { askedInterest, writeInterest } from "./interest.ts";
import { command } from "./link/command.ts";
import { ownGeneration } from "./link/keepers.ts";
import { surroundings } from "./link/surroundings.ts";
import { getProcess } from "./list.ts";
import { readProcess } from "./read.ts";
import { livePerSessionMax } from "./settings.ts";
import type { Registry, RegistryConfig, StartOptions } from "./types.ts";
import { compose } from "./view.ts";
import { waitForProcesses } from "./wait.ts";

type Started = Awaited<ReturnType<Registry["start"]>>;

const terminalSizeDefault: TerminalSize = { rows: 30, cols: 120 };
/** For so many milliseconds, starts use the last count of live processes instead of counting again. */
const countedMsMax = 500;
/** Ids are random, so that even a second one is taken means that something else is wrong. */
const idsMax = 4;

/** See `Registry.start`. */
export async function startProcess(context: Context, options: StartOptions): Promise<Started> {
  context.keepers.demandOpen();
  refuseNul(options);
  refuseIdAsName(options.name);
  const yieldSeconds = options.yieldSeconds ?? 0;
  if (Number.isNaN(yieldSeconds) || yieldSeconds < 0) throw new HermaError("BAD_REQUEST", "yieldSeconds is 0 or more");
  const asked = askedInterest(options);
  const made = makeFolder(context, options, asked);
  if (typeof made === "string") return getProcess(context, made);
  const { spec } = made;
  const view = await launch(context, { ...made, loginVariables: options.loginVariables ?? true });
  const replaced = spec.cwd_requested === undefined ? {} : { cwd_requested: context.shown.text(spec.cwd_requested) };
  if (yieldSeconds === 0) return { ...view, ...replaced };
  const { signal } = options;
  if (view.exit === null)
    await waitForProcesses(context, { ids: [spec.id], deadlineSeconds: yieldSeconds, ...(signal === undefined ? {} : { signal }) });
  const output = readProcess(context, spec.id, { view: "headTail", since: 0 });
  return { ...getProcess(context, spec.id), ...replaced, output_text: output.text };
}

/** What goes into a start: the spec, also as the text of its file, and the variables, which go to the keeper alone. */
type Made = { readonly spec: SpecFile; readonly specText: string; readonly variables: Record<string, string> };

/**
 * Checks everything that can be refused, then makes the folder, from which moment the process counts as live. There is no await in between. With
 * `ensure`, returns the id of the process that lives already.
 */
function makeFolder(context: Context, options: StartOptions, asked: AskedInterest | null): Made | ProcessId {
  const { system, home } = context;
  const terminal = options.tty === true ? terminalSizeDefault : options.tty === false || options.tty === undefined ? null : options.tty;
  const id = freeId(context);
  const settings = context.settings();
  const requested = resolve(surroundings.cwd(), options.cwd ?? ".");
  const cwd = nearestFolder(system.files, requested);
  const variables = startVariables({ given: options.variables ?? {}, pass: settings.passVariables, id, terminal: terminal !== null });
  const spec = checked(SpecFile, {
    format: 1,
    id,
    created_at: timestampOf(system.clock.wallMs()),
    command: options.command,
    cwd,
    ...(cwd === requested ? {} : { cwd_requested: requested }),
    variables: Object.keys(variables).sort(),
    stdin: options.stdin ?? "none",
    tty: terminal,
    ...(options.umask === undefined ? {} : { umask: options.umask }),
    limits: changedLimits(defaultLimits(settings), checked(ChangeBody, { limits: options.limits ?? {} }).limits),
    lifetime: options.lifetime ?? (options.owner.kind === "tool" ? "session" : "host"),
    ...(options.name === undefined ? {} : { name: options.name }),
    owner: options.owner,
    environment: "local",
    ...(asked === null ? {} : { interest: asked }),
    grace_ms: options.graceMs ?? settings.graceMs,
    starter: context.self(),
  });
  const ensured = options.ensure === true ? findEnsured(context, options, spec) : null;
  if (ensured !== null) return ensured;
  const specText = JSON.stringify(spec);
  refuseLongSpec(specText);
  refuseOverCap(context, options);
  makeHomeFolder(system.files, home, processPaths(home, id).output);
  return { spec, specText, variables };
}

/** What herma.yaml holds every process to. */
function defaultLimits(settings: RegistryConfig): Limits {
  const { outputBytesMax, onOutputLimit, memoryBytesMax, pidsMax, cpuPercentMax, runMsMax } = settings;
  const maxima = { memory_bytes_max: memoryBytesMax, pids_max: pidsMax, cpu_percent_max: cpuPercentMax, run_ms_max: runMsMax };
  return changedLimits({ output_bytes_max: outputBytesMax, on_output_limit: onOutputLimit }, maxima);
}

async function launch(context: Context, start: Made & { readonly loginVariables: boolean }): Promise<ProcessView> {
  const { spec } = start;
  const paths = processPaths(context.home, spec.id);
  const { interest } = spec;
  const body: KeeperStart = {
    id: spec.id,
    variables: start.variables,
    login_variables: start.loginVariables,
    pass_variables: [...context.settings().passVariables],
  };
  try {
    // Stored before the start, so that nothing that the process prints or does is missed.
    if (interest !== undefined) writeInterest(context.store.open(), spec, interest);
    await context.system.files.replaceDurably(paths.spec, start.specText);
    // A keeper of ours starts it. If that was interrupted, the keeper that wrote the state knows of it.
    const generation = (): string => readState(context.system.files, context.home, spec.id)?.keeper.generation ?? ownGeneration;
    const result = await command(commandOptions(context), { id: spec.id, generation, schema: KeeperProcess, path: "/v1/processes", body });
    context.doorbells.scan();
    const output = { segments: [{ start: 0, size: result.output_end }], end: result.output_end };
    return compose(
      { ...context, keeperAlive: () => "yes" },
      { id: spec.id, spec, state: result.state, exit: result.exit, corrupt: [] },
      output,
    );
  } catch (error) {
    throw whatRemains(context, paths, spec.id, error);
  }
}

/**
 * A start that got no answer may still happen, so its folder stays. When no keeper can have begun with it (none could be reached, or it refused),
 * nothing was started and the folder is removed.
 */
function whatRemains(context: Context, paths: ProcessPaths, id: ProcessId, error: unknown): unknown {
  const { files } = context.system;
  const unanswered = isHermaError(error, "KEEPER_SILENT") || isHermaError(error, "KEEPER_PROTOCOL");
  const { state, exit } = readFolder(files, context.home, id);
  // A keeper that has reserved the space of exit.json has begun with the start. If it died then, the child may live without a state.json.
  const begun = state !== null || exit !== null || standsAt(files, paths.exitReserved);
  if (!unanswered && !begun) {
    try {
      files.removeTree(paths.folder);
      context.store.ifThere()?.interests.remove(id);
    } catch {
      // What cannot be removed is recovered as a start that was never finished.
    }
    return error;
  }
  if (!(error instanceof HermaError)) return error;
  return new HermaError(error.code, error.message, { cause: error, hint: error.hint, data: { ...error.data, id } });
}

function freeId(context: Context): ProcessId {
  for (let tries = 0; tries < idsMax; tries += 1) {
    const id = processIdFrom(context.system.random(6));
    if (!standsAt(context.system.files, processPaths(context.home, id).folder)) return id;
  }
  throw new HermaError("PROCESS_EXISTS", "every id that was tried is taken");
}

/** The folder itself, or its nearest existing ancestor. Links to folders are folders. */
function nearestFolder(files: Pick<System["files"], "stat">, requested: string): string {
  let folder = requested;
  while (!isFolder(files, folder)) {
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return folder;
}

function isFolder(files: Pick<System["files"], "stat">, path: string): boolean {
  try {
    const kind = files.stat(path)?.kind;
    // Only the last place of a path is never followed: behind a slash the link's target is looked at.
    return kind === "folder" || (kind === "link" && files.stat(`${path}/.`)?.kind === "folder");
  } catch {
    return false;
  }
}

/** LIMIT_PROCESSES at a cap, NAME_TAKEN when a live process has the name. */
function refuseOverCap(context: Context, options: StartOptions): void {
  if (isFarFromCap(context, options)) return;
  const live = liveIds(context);
  context.counted = { live: live.length + 1, atMs: context.system.clock.monotonicMs() };
  const { session } = options.owner;
  if (live.length >= context.settings().liveMax) throw overCap(context, live, `${live.length} processes are live, which is the cap`);
  if (options.name === undefined && (session === undefined || live.length < livePerSessionMax)) return;
  const specs = live.map((id) => readFolder(context.system.files, context.home, id).spec).filter((spec) => spec !== null);
  const same = specs.find((spec) => options.name !== undefined && spec.name === options.name);
  if (same !== undefined) throw new HermaError("NAME_TAKEN", `${same.id} is live and named ${same.name}`, { data: { id: same.id } });
  const ofSession = specs.filter((spec) => session !== undefined && spec.owner.session === session).map((spec) => spec.id);
  if (ofSession.length >= livePerSessionMax) {
    throw overCap(context, ofSession, `${ofSession.length} processes of this session are live, which is the cap`);
  }
}

/**
 * True when a recent count, plus all our own starts since, is still under the cap. In a burst of starts, counting the folders for each would be most of
 * the work. Starts of other programs in that time are not counted, and can exceed the cap by as many.
 */
function isFarFromCap(context: Context, options: StartOptions): boolean {
  const { counted, system } = context;
  const max = options.owner.session === undefined ? context.settings().liveMax : Math.min(context.settings().liveMax, livePerSessionMax);
  if (options.name !== undefined || counted.live >= max || system.clock.monotonicMs() - counted.atMs > countedMsMax) return false;
  counted.live += 1;
  return true;
}

function overCap(context: Context, ids: readonly ProcessId[], message: string): HermaError {
  const processes = ids.map((id) => {
    const { spec, state } = readFolder(context.system.files, context.home, id);
    return {
      id,
      name: spec?.name ?? null,
      phase: state?.phase ?? "starting",
      command: spec === null ? "" : context.shown.command(spec.command),
    };
  });
  return new HermaError("LIMIT_PROCESSES", message, { data: { processes } });
}

function refuseIdAsName(name: string | undefined): void {
  if (name === undefined || !looksLikeId(name)) return;
  throw new HermaError("BAD_REQUEST", `name: ${JSON.stringify(name.slice(0, 80))} would be taken for a process's id`, {
    hint: "Choose a name that does not begin with proc_.",
  });
}

/** Throws COMMAND_TOO_LONG for a spec that would be too large to be read again. */
function refuseLongSpec(specText: string): void {
  const bytes = Buffer.byteLength(specText);
  if (bytes <= specBytesMax) return;
  throw new HermaError("COMMAND_TOO_LONG", `the spec of this process would have ${bytes} bytes, and has at most ${specBytesMax}`);
}

/** Neither arguments nor variables nor paths can hold a NUL; the system would cut them there. */
function refuseNul(options: StartOptions): void {
  const words = typeof options.command === "string" ? [options.command] : options.command;
  if (words.some((word) => word.includes("\0"))) throw new HermaError("BAD_REQUEST", "command holds a NUL character");
  if (options.cwd?.includes("\0")) throw new HermaError("BAD_REQUEST", "cwd holds a NUL character");
  for (const [name, value] of Object.entries(options.variables ?? {})) {
    if (name === "" || name.includes("=") || name.includes("\0")) {
      throw new HermaError("BAD_REQUEST", `variables: ${JSON.stringify(name)} is no variable's name`);
    }
    if (value.includes("\0")) throw new HermaError("BAD_REQUEST", `variables: the value of ${name} holds a NUL character`);
  }
}
