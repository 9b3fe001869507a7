import nodeProcess from "node:process";
import type { ThisProgram } from "../types.ts";
import { outputFile } from "./outputFile.ts";
import { privately } from "./privately.ts";
import { unblockUserSignal } from "./userSignal.ts";

/**
 * The Node.js that runs this program, as programs of ours are started with it: SIGUSR1 opens no debugger in them, neither before they listen to it nor
 * afterwards. Never in NODE_OPTIONS, which every process would inherit.
 */
export const ownNode: readonly string[] = [nodeProcess.execPath, "--disable-sigusr1"];

/** This very program. */
export function thisProgram(): ThisProgram {
  return {
    setTitle: (title) => {
      nodeProcess.title = title;
    },
    onSignals: (names, heard) => {
      for (const name of names) nodeProcess.on(name, heard);
      if (names.includes("SIGUSR1")) unblockUserSignal();
      return () => {
        for (const name of names) nodeProcess.off(name, heard);
      };
    },
    onUncaught: (heard) => {
      // The handlers of the command line would end the program before the gateway has recorded why.
      const others = nodeProcess.listeners("uncaughtException");
      nodeProcess.removeAllListeners("uncaughtException");
      nodeProcess.on("uncaughtException", heard);
      return () => {
        nodeProcess.off("uncaughtException", heard);
        for (const other of others) nodeProcess.on("uncaughtException", other);
      };
    },
    onExit: (heard) => {
      nodeProcess.on("exit", heard);
      return () => nodeProcess.off("exit", heard);
    },
    privately,
    outputFile,
    commandLine: [nodeProcess.execPath, ...nodeProcess.execArgv, ...nodeProcess.argv.slice(1)],
    starter: [...ownNode, ...nodeProcess.argv.slice(1, 2)],
    words: nodeProcess.argv.slice(2),
    userId: nodeProcess.getuid?.() ?? null,
    parentPid: nodeProcess.ppid,
    folder: ownFolder(),
    variables: nodeProcess.env,
    stdoutIsTerminal: nodeProcess.stdout.isTTY === true,
    stderrIsTerminal: nodeProcess.stderr.isTTY === true,
  };
}

/** The root when it was removed under us, or lies too deep to be named. */
function ownFolder(): string {
  try {
    return nodeProcess.cwd();
  } catch {
    return "/";
  }
}
