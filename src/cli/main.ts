import nodeProcess from "node:process";
import { openCli } from "./cli.ts";
import { type QuickPs, quickPs } from "./quickPs.ts";

/** As INTERNAL's in the catalogue of errors, which takes longer to load than `herma ps` has. */
const bugExit = 70;

/**
 * The program `herma`. Almost nothing is loaded before it is known what is wanted, because people call it in loops and prompts:
 * `herma ps` goes straight to its command, everything else through the commander program.
 */
async function main(argv: readonly string[]): Promise<number> {
  const quick = quickPs(argv);
  if (quick !== null) return await runPs(quick);
  const { runProgram } = await import("./program.ts");
  return await runProgram(argv);
}

async function runPs(quick: QuickPs): Promise<number> {
  const cli = openCli(quick);
  try {
    const [{ ps }, { whenReaderLeaves }] = await Promise.all([import("./commands/ps.ts"), import("./output.ts")]);
    whenReaderLeaves();
    return await ps(cli, quick);
  } catch (error) {
    const { reportFailure } = await import("./report.ts");
    return reportFailure(error, quick.json);
  } finally {
    await cli.close();
  }
}

// Whatever is awaited below and never comes leaves nothing to run, and Node.js then ends as if all were well.
nodeProcess.exitCode = bugExit;
// A failure that nobody waits for is a bug; it is told like any other, and ends the program.
nodeProcess.on("uncaughtException", (error) => {
  void import("./report.ts").then(({ reportFailure }) => nodeProcess.exit(reportFailure(error, nodeProcess.argv.includes("--json"))));
});
const exitCode = await main(nodeProcess.argv.slice(2));
await (await import("./output.ts")).output.flushed();
// At once: what is still open (a keep-alive connection, standard input) must not hold the caller's shell.
nodeProcess.exit(exitCode);
