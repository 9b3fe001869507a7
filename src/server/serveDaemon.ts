import { version } from "../contract/index.ts";
import { type DaemonRunOptions, type GatewayEnd, type Log, openLog, type Program, runDaemon } from "../gateway/index.ts";
import { nodeSystem, type System, thisProgram } from "../system/index.ts";
import { serveControl } from "./control.ts";

export type DaemonOptions = Pick<DaemonRunOptions, "home" | "start" | "endMs" | "standby"> & {
  /** Of the daemon; shown by `herma gateway status`. Default: this package's. */
  readonly version?: string;
  /** Takes over from the one that runs. Default: whether the command line says `--replace`, with which a restart starts the next one. */
  readonly replace?: boolean;
  /** Default: JSON lines on standard error, for people where that is a terminal. */
  readonly log?: Log;
  readonly system?: System;
  readonly program?: Program;
};

/**
 * Makes a program of yours a daemon that can be trusted: one per home, proven by a lock of the kernel; drained, stopped, restarted and taken over
 * by `herma gateway … --home HOME` and by the same files and signals; watched by its service manager; with last words for every end and a look at
 * those without. Resolves with the exit code to end with: `const { exitCode } = await serveDaemon(…); process.exit(exitCode)`.
 * Throws HermaError for what keeps it from starting; `error.row.exit` is the exit code then.
 */
export async function serveDaemon(options: DaemonOptions): Promise<GatewayEnd> {
  const system = options.system ?? nodeSystem();
  const program = options.program ?? thisProgram();
  const { home, start } = options;
  return await runDaemon({
    home,
    start,
    ...(options.endMs === undefined ? {} : { endMs: options.endMs }),
    ...(options.standby === undefined ? {} : { standby: options.standby }),
    system,
    // Its own title is the daemon's to choose.
    program: { ...program, setTitle: () => {} },
    log: options.log ?? openLog({ level: "info", human: program.stderrIsTerminal, clock: system.clock }),
    version: options.version ?? version,
    argv: [],
    replace: options.replace ?? program.commandLine.includes("--replace"),
    serveControl,
  });
}
