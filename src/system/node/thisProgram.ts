import nodeProcess from "node:process";
import type { ThisProgram } from "../types.ts";
import { outputFile } from "./outputFile.ts";

/** This very program. */
export function thisProgram(): ThisProgram {
  return {
    setTitle: (title) => {
      nodeProcess.title = title;
    },
    onSignals: (names, heard) => {
      for (const name of names) nodeProcess.on(name, heard);
      return () => {
        for (const name of names) nodeProcess.off(name, heard);
      };
    },
    onUncaught: (heard) => {
      // The command line's own way ends the program before the gateway could say why.
      const others = nodeProcess.listeners("uncaughtException");
      nodeProcess.removeAllListeners("uncaughtException");
      nodeProcess.on("uncaughtException", heard);
      return () => {
        nodeProcess.off("uncaughtException", heard);
        for (const other of others) nodeProcess.on("uncaughtException", other);
      };
    },
    outputFile,
    commandLine: [nodeProcess.execPath, ...nodeProcess.argv.slice(1)],
    userId: nodeProcess.getuid?.() ?? null,
    parentPid: nodeProcess.ppid,
    folder: nodeProcess.cwd(),
    variables: nodeProcess.env,
    stdoutIsTerminal: nodeProcess.stdout.isTTY === true,
    stderrIsTerminal: nodeProcess.stderr.isTTY === true,
  };
}
