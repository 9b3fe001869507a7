/**
 * The keeper program: `main.ts --home H --generation G [--idle-grace-ms N] [--restart-survival scoped|detached|none]`.
 * Started on demand by whoever needs a process started, never by hand. Exit codes: 0 left (or another keeper has the lock), 70 bug, else
 * the catalogue's for what kept it from coming up.
 */
import { flushCompileCache } from "node:module";
import nodeProcess from "node:process";
import { parseArgs } from "node:util";
import { isHermaError, keeperPaths, RestartSurvival } from "../contract/index.ts";
import { socketPlace } from "../rules/index.ts";
import { nodeSystem, runtimeFolder, startThreads, thisProgram } from "../system/index.ts";
import { createLog } from "./log.ts";
import { serveKeeper } from "./serve.ts";

/** By then whoever asked for the keeper has had its answer. */
const compiledAfterMs = 2000;

const { values } = parseArgs({
  options: {
    home: { type: "string" },
    generation: { type: "string" },
    "idle-grace-ms": { type: "string", default: "60000" },
    "restart-survival": { type: "string", default: "detached" },
  },
});
if (values.home === undefined || values.generation === undefined) {
  nodeProcess.stderr.write("herma keeper is started by herma itself; see `herma keeper --help`\n");
  nodeProcess.exit(2);
}

nodeProcess.title = "herma-keeper";
nodeProcess.umask(0o077);
// They were meant for this program's own C library and Node.js, which have read them; what the login shell is asked for must not hold them.
delete nodeProcess.env.MALLOC_ARENA_MAX;
delete nodeProcess.env.NODE_COMPILE_CACHE;
const system = nodeSystem();
// Later there may be none left for it, because of the very processes it is to keep.
startThreads();
// The log stands in the home: on a full disk its lines are lost, and with an error that nobody hears the keeper would end, and its processes with it.
nodeProcess.stderr.on("error", () => {});
const program = thisProgram();
const paths = keeperPaths(values.home, values.generation);
const output = program.outputFile(paths.log);
const file = output === null ? null : { output, olderPath: paths.logBefore };
const log = createLog(system.clock, (text) => nodeProcess.stderr.write(text), file);

const lastWords = (kind: string) => (error: unknown) => {
  log(`bug (${kind}): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  nodeProcess.exit(70);
};
nodeProcess.on("uncaughtException", lastWords("exception"));
nodeProcess.on("unhandledRejection", lastWords("rejection"));
// A terminal that closes somewhere, or a Ctrl-C in the shell that happened to start us, is not meant for the keeper.
// SIGUSR1 means nothing to it.
program.onSignals(["SIGHUP", "SIGINT", "SIGPIPE", "SIGQUIT", "SIGUSR1"], () => {});

const uid = nodeProcess.getuid?.() ?? 0;
const couldNotServe = (error: unknown): never => {
  if (!isHermaError(error)) throw error;
  log(error.message);
  nodeProcess.exit(error.row.exit);
};
const running = await serveKeeper({
  system,
  uid,
  place: socketPlace({
    home: values.home,
    generation: values.generation,
    runtimeFolder: runtimeFolder(system.files, nodeProcess.env, uid),
    uid,
  }),
  home: values.home,
  generation: values.generation,
  restartSurvival: RestartSurvival.catch("detached").parse(values["restart-survival"]),
  idleGraceMs: Math.max(0, Number(values["idle-grace-ms"]) || 0),
  log,
}).catch(couldNotServe);
if (running === null) {
  log("another keeper of this generation has the lock");
  nodeProcess.exit(0);
}
// Not before: taking over what a dead keeper left is a burst, and small room for garbage would make it slower.
system.memory.keepSmall();
// Asked to go, it goes without ending anything: the next keeper adopts what runs.
nodeProcess.on("SIGTERM", () => {
  log("SIGTERM: leaving; the next keeper takes over");
  void running.abandon();
});
// A keeper may live for months, and its successor is waited for when it is killed: what was compiled is kept now, not at the end.
system.clock.after(compiledAfterMs, () => flushCompileCache(), { unref: true });
await running.left;
nodeProcess.exit(0);
