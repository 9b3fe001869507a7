import nodeProcess from "node:process";
import { version } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";
import { gatewayView, gatewayWords } from "../gatewayView.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";

export type GatewayRunOptions = { readonly port?: string; readonly host?: string };

/** Exit code of `gateway status` when none runs, as service tools have it. */
const notRunningExit = 3;

/** `herma gateway run`: until a signal ends it. */
export async function gatewayRun(cli: Cli, _words: readonly string[], options: GatewayRunOptions): Promise<number> {
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && !(/^\d{1,5}$/.test(options.port!) && port <= 65_535))
    throw badOption("--port", options.port!, "a port from 0 to 65535");
  const [{ serveGateway }, system] = await Promise.all([import("../../server/index.ts"), cli.system()]);
  return await serveGateway({
    system,
    home: cli.home,
    ...(port === undefined ? {} : { port }),
    ...(options.host === undefined ? {} : { host: options.host }),
    program: {
      setTitle: (title) => {
        nodeProcess.title = title;
      },
      onSignals: (names, heard) => {
        for (const name of names) nodeProcess.on(name, heard);
        return () => {
          for (const name of names) nodeProcess.off(name, heard);
        };
      },
      commandLine: [nodeProcess.execPath, ...nodeProcess.argv.slice(1)],
      stderrIsTerminal: nodeProcess.stderr.isTTY === true,
    },
    argv: nodeProcess.argv.slice(nodeProcess.argv.indexOf("run") + 1),
    print: output.line,
    version,
  });
}

/** `herma gateway status`: exit 0 when one runs (or nothing tells), 3 when none does. */
export async function gatewayStatus(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const view = gatewayView(await cli.system(), cli.home);
  if (cli.json) output.json(view);
  else {
    output.line(gatewayWords(view));
    if (view.updated_at !== null) output.line(`state ${view.state}, written ${view.updated_at}`);
  }
  return view.running === false ? notRunningExit : 0;
}
