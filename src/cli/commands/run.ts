import nodeProcess from "node:process";
import type { Lifetime, ProcessView } from "../../contract/index.ts";
import type { Registry, StartOptions } from "../../processes/index.ts";
import { parseDuration } from "../../rules/index.ts";
import { askedVariables, checkWords, folderToStartIn, heldBack, startOrSay } from "../beforeStart.ts";
import type { Cli } from "../cli.ts";
import { endingSentence, exitCodeOf, waitForEnd } from "../endings.ts";
import { follow } from "../follow.ts";
import { forwardInput } from "../forwardInput.ts";
import { InputPump } from "../inputPump.ts";
import { type LimitOptions, limitsOf } from "../limitOptions.ts";
import { output, whenReaderLeaves } from "../output.ts";
import { badOption } from "../report.ts";
import { SignalRelay } from "../signalRelay.ts";
import { isInteractive, terminalSize } from "../terminalSize.ts";

export type RunOptions = LimitOptions & {
  readonly detach?: boolean;
  readonly name?: string;
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly cwd?: string;
  readonly env?: readonly string[];
  readonly inheritEnv: boolean;
  readonly lifetime?: Lifetime;
  readonly grace?: string;
  readonly watch?: readonly string[];
  readonly notify?: boolean;
};

/** Exit code when the reader of our output has gone: what a shell shows for SIGPIPE. */
const brokenPipeExit = 141;
/** Exit code when our terminal was closed: what a shell shows for SIGHUP. */
const hungUpExit = 129;
/** Bytes of output that `--json` shows. */
const jsonOutputBytesMax = 1_048_576;
/** Behind the answer, the home may be cleaned for this long: nobody else does it where no gateway runs. */
const pruneMs = 500;

/** `herma run`: in the foreground it looks like the command itself (output, input, signals, exit code), with `-d` it prints the id. */
export async function run(cli: Cli, words: readonly string[], options: RunOptions): Promise<number> {
  checkWords(words);
  const start = startOptions(words, options, folderToStartIn((await cli.system()).files, options.cwd));
  const exitCode = await runAsAsked(cli, start, options);
  await output.flushed();
  // The command's exit code is the answer, whatever the cleaning meets.
  await (await cli.registry()).prune({ budgetMs: pruneMs }).catch(() => {});
  return exitCode;
}

async function runAsAsked(cli: Cli, start: StartOptions, options: RunOptions): Promise<number> {
  if (options.detach) return await runDetached(cli, start);
  if (options.tty && !cli.json && isInteractive()) {
    const registry = await startRegistry(cli);
    const { attachTerminal } = await import("../terminalSession.ts");
    return await attachTerminal(cli, registry, await startAndTell(cli, registry, start), { fromStart: true });
  }
  return await runForeground(cli, start, forwardsInput(options));
}

function startOptions(words: readonly string[], options: RunOptions, cwd: string): StartOptions {
  const graceMs = options.grace === undefined ? undefined : parseDuration(options.grace);
  if (graceMs === null) throw badOption("--grace", options.grace!, "a time such as 3s or 500ms");
  return {
    command: words.length === 1 ? words[0]! : words,
    cwd,
    variables: variablesFor(options),
    loginVariables: !options.inheritEnv,
    umask: nodeProcess.umask(),
    ...(options.tty ? { tty: terminalSize() ?? true } : { stdin: forwardsInput(options) ? ("pipe" as const) : ("none" as const) }),
    limits: limitsOf(options),
    ...(options.lifetime === undefined ? {} : { lifetime: options.lifetime }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(options.watch === undefined ? {} : { watch: options.watch.map((text) => ({ match: text })) }),
    ...(options.notify ? { notifyOnComplete: true } : {}),
    owner: { kind: "cli" },
  };
}

/** In the foreground, input that is no terminal is somebody's pipe or file: the command is to have it. */
function forwardsInput(options: RunOptions): boolean {
  return options.stdin ?? (!options.detach && !nodeProcess.stdin.isTTY);
}

/**
 * Our variables, then those of `--env`. A detached process's output is read from files, so what makes programs paint and page is left to the
 * registry's defaults unless asked for.
 */
function variablesFor(options: RunOptions): Record<string, string> {
  const ours = nodeProcess.env;
  const variables: Record<string, string> = {};
  if (options.inheritEnv) {
    for (const [name, value] of Object.entries(ours)) if (value !== undefined) variables[name] = value;
    if (options.detach && !options.tty)
      for (const name of ["TERM", "PAGER", "GIT_PAGER", "FORCE_COLOR", "COLORTERM"]) delete variables[name];
  }
  return { ...variables, ...askedVariables(options.env ?? [], ours) };
}

async function startRegistry(cli: Cli): Promise<Registry> {
  const [system, { refuseOthersHome }] = await Promise.all([cli.system(), import("../../lifecycle/index.ts")]);
  refuseOthersHome(cli.home, system.files, nodeProcess.getuid?.() ?? null);
  return await cli.registry();
}

async function runDetached(cli: Cli, start: StartOptions): Promise<number> {
  const registry = await startRegistry(cli);
  const view = await startOrSay(registry, start);
  if (cli.json) output.json(view);
  else {
    tellCwd(view);
    await tellHeldBack(cli, start);
    if (view.exit?.cause === "failed_start") output.note(`herma: ${view.id} ${endingSentence(view.exit)}`);
    output.line(view.id);
  }
  return view.exit?.cause === "failed_start" ? exitCodeOf(view.exit) : 0;
}

function tellCwd(view: ProcessView & { readonly cwd_requested?: string }): void {
  if (view.cwd_requested !== undefined) output.note(`herma: ${view.cwd_requested} is no folder any more; started in ${view.cwd}`);
}

/** Only people on a terminal are told: it is worth a line to them, and noise in a log. */
async function tellHeldBack(cli: Cli, start: StartOptions): Promise<void> {
  if (!nodeProcess.stderr.isTTY) return;
  const names = heldBack(start.variables ?? {}, (await cli.settings())?.variables.pass ?? []);
  if (names.length === 0) return;
  output.note(output.noteStyle("dim", `herma: held back as secrets of agents: ${names.join(", ")}; --env NAME passes one`));
}

async function startAndTell(cli: Cli, registry: Registry, start: StartOptions): Promise<ProcessView> {
  const view = await startOrSay(registry, start);
  tellCwd(view);
  if (nodeProcess.stderr.isTTY) {
    const again = `\`herma ${view.tty === null ? "logs -f" : "attach"} ${view.name ?? view.id}\``;
    output.note(output.noteStyle("dim", `herma: ${view.id} runs apart from this terminal; ${again} finds it again`));
  }
  await tellHeldBack(cli, start);
  return view;
}

async function runForeground(cli: Cli, start: StartOptions, forwards: boolean): Promise<number> {
  const leave = new AbortController();
  let leavingExit = 0;
  const relay = new SignalRelay(() => {
    leavingExit = hungUpExit;
    leave.abort();
  });
  const registry = await startRegistry(cli);
  const view = await startAndTell(cli, registry, start);
  relay.aim(registry, view.id);
  whenReaderLeaves(() => {
    leavingExit = brokenPipeExit;
    leave.abort();
  });
  const clock = (await cli.system()).clock;
  const pump = new InputPump(registry, clock, view.id);
  if (forwards) void forwardInput(pump, { closeAtEnd: true });
  await follow(registry, view.id, { since: 0, signal: leave.signal, gaps: true, bytes: cli.json ? () => {} : output.write });
  pump.stop();
  if (leavingExit === brokenPipeExit) {
    // Without Herma the program itself would have got it.
    await registry.signal(view.id, { signal: "SIGPIPE" }).catch(() => {});
  }
  if (leave.signal.aborted) return leavingExit;
  const ended = await waitForEnd(registry, view);
  const { exit } = ended;
  relay.stop();
  if (cli.json) {
    const read = registry.read(view.id, { since: "start", view: "headTail", maxBytes: jsonOutputBytesMax });
    output.json({ ...ended, output_text: read.text });
  } else if (exit.cause !== "exited") output.note(`herma: ${view.id} ${endingSentence(exit)}`);
  return exitCodeOf(exit);
}
