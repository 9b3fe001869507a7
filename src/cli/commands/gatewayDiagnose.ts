import nodeProcess from "node:process";
import { diagnose, diagnosisMsMax } from "../../lifecycle/index.ts";
import type { Cli } from "../cli.ts";

/** `herma gateway diagnose`: the longer look around that a gateway starts when it is told to stop by nobody it knows. */
export async function gatewayDiagnose(cli: Cli, options: { readonly pid: string; readonly signal: string }): Promise<void> {
  const system = await cli.system();
  // A tool that cannot be ended must not keep this program: it ends, whatever hangs.
  const timer = system.clock.after(diagnosisMsMax, () => nodeProcess.exit(1), { unref: true });
  await diagnose(system, { home: cli.home, pid: Number(options.pid), signal: options.signal, variables: nodeProcess.env });
  timer.cancel();
}
