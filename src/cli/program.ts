import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Cli, type CommonOptions, openCli } from "./cli.ts";
import { pathOf } from "./commandPath.ts";
import type { Add, Run } from "./commandTable.ts";
import { examplesText, exitCodesText } from "./helpTexts.ts";
import { addAct, addLook, addStart } from "./processPart.ts";
import { addDoctor, addService } from "./servicePart.ts";

/** Remembers what the command that ran returned. */
type Ending = { exitCode: number };

/** Runs the command line and returns the exit code. Failures are told here. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const ending: Ending = { exitCode: 0 };
  const json = asksForJson(argv);
  const { whenReaderLeaves } = await import("./output.ts");
  whenReaderLeaves();
  try {
    const alone = bareOptions(argv);
    if (alone !== null)
      return await withCli(alone, async (cli) =>
        (await import("./commands/overview.ts")).overview(cli, alone, () => makeProgram().outputHelp()),
      );
    await makeProgram(ending).parseAsync([...argv], { from: "user" });
    return ending.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      // The help that was printed instead is for people.
      if (error.code === "commander.help" && !json) return 2;
      if (error.code === "commander.help") error.message = "a command is missing";
      return (await import("./report.ts")).reportFailure(await asRefusal(error), json);
    }
    return (await import("./report.ts")).reportFailure(error, json);
  }
}

async function asRefusal(error: CommanderError): Promise<Error> {
  const { HermaError } = await import("../contract/index.ts");
  const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return new HermaError("BAD_REQUEST", message, {
    hint: suggestion?.replace(/^\((.*)\)$/, "$1") ?? "See --help for what can be said here.",
  });
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json");
}

type Bare = CommonOptions & { readonly version: boolean };

/** The options of a command line without a command (`herma`, `herma --version`), or null when there is one, or a request for help. */
function bareOptions(argv: readonly string[]): Bare | null {
  let home: string | undefined;
  let json = false;
  let version = false;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === "--json") json = true;
    else if (word === "-V" || word === "--version") version = true;
    else if (word === "--home" && argv[at + 1]) home = argv[++at]!;
    else if (word.startsWith("--home=") && word !== "--home=") home = word.slice("--home=".length);
    else return null;
  }
  return home === undefined ? { json, version } : { home, json, version };
}

async function withCli(options: CommonOptions, use: (cli: Cli) => Promise<number>): Promise<number> {
  const cli = openCli(options);
  try {
    return await use(cli);
  } finally {
    await cli.close();
  }
}

/** The whole command line as a commander program: it parses, makes the help, the completion and docs/cli.md. */
export function makeProgram(ending: Ending = { exitCode: 0 }): Command {
  const program = new Command("herma")
    .description("Keeps processes running, knows which are alive, and says truthfully how they ended.")
    .usage("[--home DIR] COMMAND …")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ sortOptions: false, showGlobalOptions: false })
    .addOption(homeOption())
    .option("--json", "answer in JSON")
    .option("-V, --version", "print the version")
    .addHelpText("after", () => exitCodesText());

  const add = <Options>(parent: Command, name: string, about: string, load: () => Promise<Run<Options>>): Command => {
    const command = parent.command(name).description(about);
    command
      .addHelpText("after", () => examplesText(pathOf(command)))
      .action(async () => {
        // What stands next to the command wins over what stands before it.
        const common: CommonOptions = { ...program.opts<CommonOptions>(), ...command.opts<CommonOptions>() };
        ending.exitCode = await withCli(common, async (cli) => (await load())(cli, command.args, command.opts<Options & object>()));
      });
    return command;
  };

  program.commandsGroup("Processes:");
  addStart(program, add);
  addLook(program, add);
  addAct(program, add);
  program.commandsGroup("Programs:");
  addPrograms(program, add);
  program.commandsGroup("Settings:");
  addSettings(program, add);
  addCommonOptions(program);
  return program;
}

/** An empty one is a variable that was never set: what was meant for one home must not happen in another. */
function homeOption(): Option {
  return new Option("--home <dir>", "home folder (default: $HERMA_HOME, else ~/.herma)").argParser((given: string) => {
    if (given === "") throw new InvalidArgumentError("a folder is missing");
    return given;
  });
}

/** Every command takes them, last in its help; for the program itself they stand before the command. */
function addCommonOptions(parent: Command): void {
  for (const command of parent.commands) {
    if (command.commands.length > 0) addCommonOptions(command);
    else command.addOption(homeOption()).option("--json", "answer in JSON");
  }
}

function addPrograms(program: Command, add: Add): void {
  const gateway = program.command("gateway").description("Run, and look at, the gateway of this home.");
  gateway.exitOverride().configureOutput({ outputError: () => {} });
  add(gateway, "run", "Run the gateway in the foreground.", async () => (await import("./commands/gateway.ts")).gatewayRun)
    .option("--port <number>", "port to listen on; 0: any free one (default: gateway.port of herma.yaml, else 7717)")
    .option("--host <address>", "address to listen on (default: gateway.host, else 127.0.0.1)")
    .option("--replace", "take over from the gateway that runs here, its listening socket included")
    .option("--standby", "wait where another gateway runs, and take its place when it ends (the default under a service manager)");
  add(gateway, "stop", "Stop the gateway; processes go on.", async () => (await import("./commands/gatewayStop.ts")).gatewayStop)
    .option("-f, --force", "do not wait for running work, and kill it if it hangs")
    .option("--with-processes", "also end processes that were started to live for a turn or a session");
  add(
    gateway,
    "restart",
    "Restart the gateway; processes go on.",
    async () => (await import("./commands/gatewayRestart.ts")).gatewayRestart,
  ).option("-f, --force", "do not wait for running work");
  add(
    gateway,
    "status",
    "Tell whether a gateway runs here, by its files and locks.",
    async () => (await import("./commands/gateway.ts")).gatewayStatus,
  ).option("--deep", "also locks, identity, heartbeat, drain, keepers, service, last exit and autopsy");
  add(
    gateway,
    "link",
    "Print a link that logs a browser in, once, within ten minutes.",
    async () => (await import("./commands/gateway.ts")).gatewayLink,
  );
  addDrain(gateway, add);
  addService(gateway, add);
  add(
    gateway,
    "history",
    "List the gateways of this home: when each started, when and why it ended.",
    async () => (await import("./commands/gatewayHistory.ts")).gatewayHistory,
  ).option("-n, --lines <count>", "how many, the newest first (default: 20)");
  add(
    program,
    "dashboard",
    "Show this home over HTTP, whether a gateway runs or not.",
    async () => (await import("./commands/dashboard.ts")).dashboard,
  )
    .option("--port <number>", "port to listen on; 0: any free one (default: 7718)")
    .option("--host <address>", "address to listen on (default: gateway.host of herma.yaml, else 127.0.0.1)");
  add(
    program,
    "mcp",
    "Serve a client of the Model Context Protocol over standard input and output.",
    async () => (await import("./commands/mcp.ts")).mcp,
  );
  // Started by a gateway that is told to stop; it is no word for people.
  gateway
    .command("diagnose", { hidden: true })
    .requiredOption("--pid <number>")
    .requiredOption("--signal <name>")
    .action(async (options: { home: string; pid: string; signal: string }) => {
      await withCli({ ...options, json: false }, async (cli) => {
        await (await import("./commands/gatewayDiagnose.ts")).gatewayDiagnose(cli, options);
        return 0;
      });
    });
  addDoctor(program, add);
  const keeper = program.command("keeper").description("Look at, and stop, the keepers: the programs that own the processes.");
  keeper.exitOverride().configureOutput({ outputError: () => {} });
  add(keeper, "status", "List the keepers of this home.", async () => (await import("./commands/keeper.ts")).keeperStatus);
  add(
    keeper,
    "stop",
    "End every keeper of this home, and the processes they hold.",
    async () => (await import("./commands/keeper.ts")).keeperStop,
  );
}

function addDrain(gateway: Command, add: Add): void {
  add(
    gateway,
    "drain",
    "Let the gateway begin nothing new; running work goes on.",
    async () => (await import("./commands/gatewayDrain.ts")).gatewayDrain,
  )
    .option("--wait", "return when nothing runs any more")
    .option("--timeout <time>", "with --wait: give up after this time with exit code 124 (default: never)")
    .option("--principal <name>", "who asks for it; each has a lease of their own (default: cli)")
    .option("--ttl <time>", "it ends by itself after this time, at most 1h (default: 1h)")
    .option("--quiet", "do not tell the people in the channels")
    .option("--even-if-down", "when no gateway runs: leave the drain for the next one that starts");
  add(gateway, "undrain", "Take a drain back.", async () => (await import("./commands/gatewayDrain.ts")).gatewayUndrain)
    .option("--principal <name>", "whose lease (default: cli)")
    .option("--all", "all leases, whoever holds them")
    .option("--even-if-down", "also when no gateway runs");
}

function addSettings(program: Command, add: Add): void {
  const config = program.command("config").description("The settings in herma.yaml.");
  config.exitOverride().configureOutput({ outputError: () => {} });
  add(config, "show", "Print every setting with its value.", async () => (await import("./commands/config.ts")).configShow);
  add(
    config,
    "check",
    "Tell what is wrong in herma.yaml; exit 78 if anything is.",
    async () => (await import("./commands/config.ts")).configCheck,
  );
  add(
    config,
    "import",
    "Copy the settings of a Hermes agent, as far as Herma has the same; its files are only read.",
    async () => (await import("./commands/configImport.ts")).configImport,
  )
    .argument("[from]", "its home, or its config.yaml (default: ~/.hermes)")
    .option("--dry-run", "show what would be written, and write nothing")
    .option("-f, --force", "replace other values in herma.yaml")
    .option("-v, --verbose", "name every setting that is not taken over");
  add(
    program,
    "completion",
    "Print a shell's completion script.",
    async () => (await import("./commands/completion.ts")).completion,
  ).addArgument(program.createArgument("<shell>", "for which shell").choices(["bash", "zsh", "fish"]));
  // The completion scripts call it at each Tab; it is no word for people.
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .action(async (words: string[]) => {
      await withCli(program.opts<CommonOptions>(), async (cli) => {
        await (await import("./commands/completion.ts")).complete(cli, words, makeProgram());
        return 0;
      });
    });
}
