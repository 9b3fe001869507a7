import { version } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";
import { output, servesOnWithoutReader } from "../output.ts";
import { hostOf, portOf } from "./gateway.ts";

export type DashboardCommandOptions = { readonly port?: string; readonly host?: string };

/** `herma dashboard`: shows the home until a signal ends it. */
export async function dashboard(cli: Cli, _words: readonly string[], options: DashboardCommandOptions): Promise<number> {
  const port = portOf(options.port);
  const host = hostOf(options.host);
  const [{ serveDashboard }, { thisProgram }, system] = await Promise.all([
    import("../../server/index.ts"),
    import("../../system/index.ts"),
    cli.system(),
  ]);
  servesOnWithoutReader();
  return await serveDashboard({
    system,
    home: cli.home,
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    program: thisProgram(),
    print: output.line,
    version,
  });
}
