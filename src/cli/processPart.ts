import { type Command, Option } from "commander";
import type { Add } from "./commandTable.ts";

/** Commands that begin a process, look at some, and act on them. */
export function addStart(program: Command, add: Add): void {
  const run = add(program, "run", "Run a command that outlives this terminal.", async () => (await import("./commands/run.ts")).run)
    .usage("[options] [--] COMMAND…")
    .argument("<command...>", "one word: a line for the shell; several: a program and its arguments, run as they are")
    .passThroughOptions()
    .option("-d, --detach", "print the id and return at once")
    .option("-n, --name <name>", "a name to call it by while it lives")
    .option("-t, --tty", "give it a terminal")
    .option("-i, --stdin", "forward standard input (the default unless that is a terminal); with -d: keep it open for `herma send`")
    .option("--cwd <dir>", "folder to start in (default: this one)")
    .option("-e, --env <name=value>", "set a variable; NAME alone passes ours on (repeatable)", collected)
    .option("--no-inherit-env", "do not pass our variables on: only those of a login shell and of --env")
    .addOption(new Option("--lifetime <span>", "what may end it besides itself").choices(["turn", "session", "project", "host"]))
    .option("--watch <text>", "make a notice of the first line that holds this text (repeatable)", collected)
    .option("--notify", "make a notice of its end")
    .option("--grace <time>", "time from TERM to KILL when it is killed (default: 3s)");
  addLimits(run);
}

/** The defaults are settings of herma.yaml, so the help does not name them all. */
function addLimits(command: Command): void {
  command
    .option("--memory <size>", "memory of it and all it starts, such as 2G; beyond it the kernel ends one of them; none: no limit")
    .option("--pids <count>", "most processes and threads of it and all it starts; none: no limit")
    .option("--cpu <percent>", "processor time of it and all it starts, 100 is one processor; none: no limit")
    .option("--timeout <time>", "time from its start until it is ended, such as 30m; none: no limit")
    .option("--output-max <size>", "output to keep besides its first 256 KiB, such as 16M (default: 64M)")
    .addOption(new Option("--on-output-limit <policy>", "when that is full").choices(["dropMiddle", "pause", "kill"]));
}

export function addLook(program: Command, add: Add): void {
  add(program, "ps", "List live processes.", async () => {
    const { ps } = await import("./commands/ps.ts");
    return (cli, _words, options: { all?: boolean }) => ps(cli, options);
  }).option("-a, --all", "ended ones too");
  add(program, "logs", "Show output: the last 200 lines as plain text.", async () => (await import("./commands/logs.ts")).logs)
    .argument("<id>", "id, its beginning, or name")
    .option("-f, --follow", "go on with new output until the process has ended")
    .option("-n, --lines <count>", "the last lines (default: 200)")
    .option("--all", "everything that is kept")
    .option("--since <offset>", "from this byte offset of the stream, or from the `start`")
    .option("--tail <size>", "the last bytes")
    .option("--search <text>", "only the lines that hold a text, with their numbers; exit code 1 when there are none")
    .option("--re2", "the text to search for is an RE2 pattern")
    .option("-C, --context <count>", "lines shown around each that was found (default: 0)")
    .option("--screen", "what its terminal shows now")
    .option("--raw", "the bytes as they were written, colours and all")
    .option("--no-gaps", "do not tell which bytes are no longer kept");
  add(program, "wait", "Wait for processes to end, or to do something.", async () => (await import("./commands/wait.ts")).wait)
    .argument("<id...>", "ids, their beginnings, or names")
    .option("--for <what>", "match:TEXT, re2:PATTERN, quiet:5s, port:3000, http://…, input, or exit (the default)")
    .option("--after <offset>", "only output from this byte offset on can match")
    .option("--any", "return as soon as one of them has")
    .option("--timeout <time>", "give up after this time with exit code 124 (default: never)");
  add(program, "inspect", "Tell everything about a process.", async () => (await import("./commands/inspect.ts")).inspect).argument(
    "<id>",
    "id, its beginning, or name",
  );
}

export function addAct(program: Command, add: Add): void {
  add(program, "send", "Write to a process's input or terminal.", async () => (await import("./commands/send.ts")).send)
    .argument("<id>", "id, its beginning, or name")
    .argument("[text...]", "words, joined by blanks")
    .option("--enter", "press Enter behind the text (the default with a text)")
    .option("--no-enter", "do not press it")
    .option("-k, --key <key>", "press a key, such as ctrl-c, enter, up, f1, alt-b (repeatable)", collected)
    .option("--file <path>", "send a file's content; - is standard input")
    .option("--eof", "end its input afterwards");
  add(program, "attach", "Take over a process's terminal.", async () => (await import("./commands/attach.ts")).attach).argument(
    "<id>",
    "id, its beginning, or name",
  );
  const limit = add(
    program,
    "limit",
    "Change the limits of a process, or show them.",
    async () => (await import("./commands/limit.ts")).limit,
  );
  addLimits(limit.argument("<id>", "id, its beginning, or name"));
  add(program, "kill", "End processes and all they started.", async () => (await import("./commands/kill.ts")).kill)
    .argument("[id...]", "ids, their beginnings, or names")
    .option("-a, --all", "every live process of this home")
    .option("--grace <time>", "time from TERM to KILL; 0: TERM only (default: as it was started with, else 3s)")
    .option("-s, --signal <name>", "only send this signal, to its process group");
  add(program, "hand-over", "Give a process to another session.", async () => (await import("./commands/handOver.ts")).handOver)
    .argument("<id>", "id, its beginning, or name")
    .option("--to <session>", "the session it belongs to from now on, which is told of it")
    .option("--purpose <text>", "one sentence on what it is for, told with its notices")
    .option("--task <task>", "the task of that session");
}

function collected(value: string, before: string[] = []): string[] {
  return [...before, value];
}
