import { flushCompileCache } from "node:module";
import nodeProcess from "node:process";
import { errorCatalogue, HermaError, version } from "../../contract/index.ts";
import type { System } from "../../system/index.ts";
import { askOverHttp } from "../askGateway.ts";
import type { Cli } from "../cli.ts";
import { gatewayView, gatewayWords } from "../gatewayView.ts";
import { output, servesOnWithoutReader } from "../output.ts";
import { badOption } from "../report.ts";
import { harmless } from "../table.ts";

export type GatewayRunOptions = { readonly port?: string; readonly host?: string; readonly replace?: boolean; readonly standby?: boolean };

/** By then it is ready, and has loaded what it does once that is so. */
const compiledAfterMs = 3_000;

/** Exit code of `gateway status` when none runs (3, as service tools have it). */
const notRunningExit = errorCatalogue.GATEWAY_DOWN.exit;

/** A port as given to `--port`; undefined when it was not. Throws BAD_REQUEST. */
export function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw badOption("--port", text, "a port from 0 to 65535");
  return port;
}

/** A host as given to `--host`; undefined when it was not. Refused here, before a running gateway is told to make room. Throws BAD_REQUEST. */
export function hostOf(text: string | undefined): string | undefined {
  if (text?.trim() === "") throw badOption("--host", text, "an address; every address of this machine is 0.0.0.0 or ::");
  return text;
}

/** `herma gateway run`: until a signal ends it. */
export async function gatewayRun(cli: Cli, _words: readonly string[], options: GatewayRunOptions): Promise<number> {
  const port = portOf(options.port);
  const host = hostOf(options.host);
  const [{ gatewaySignals, serveGateway }, { thisProgram }, system] = await Promise.all([
    import("../../server/index.ts"),
    import("../../system/index.ts"),
    cli.system(),
  ]);
  system.memory.keepSmall();
  // It may live for weeks and then be killed: what was compiled is kept now, so that the next one need not do it again.
  system.clock.after(compiledAfterMs, () => flushCompileCache(), { unref: true });
  servesOnWithoutReader();
  // Once the gateway has ended, a signal that comes late must not turn its exit code into another end.
  for (const signal of gatewaySignals) nodeProcess.on(signal, () => {});
  return await serveGateway({
    system,
    home: cli.home,
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    ...(options.replace === undefined ? {} : { replace: options.replace }),
    ...(options.standby === undefined ? {} : { standby: options.standby }),
    program: thisProgram(),
    argv: nodeProcess.argv.slice(nodeProcess.argv.indexOf("run") + 1),
    print: output.line,
    version,
  });
}

/** `herma gateway status`: exit 0 when one runs (or nothing tells), 3 when none does. */
export async function gatewayStatus(cli: Cli, _words: readonly string[], options: { readonly deep?: boolean }): Promise<number> {
  const view = gatewayView(await cli.system(), cli.home);
  const deep = options.deep === true ? await (await import("../gatewayDeep.ts")).gatewayDeep(cli) : null;
  if (cli.json) output.json(deep === null ? view : { ...view, ...deep });
  else {
    output.line(gatewayWords(view));
    if (view.restart_loop)
      output.line("gateways follow each other too quickly here: nothing of before is resumed (`herma gateway history`)");
    if (view.last_exit !== null) output.line(`last end ${view.last_exit.at}: ${harmless(view.last_exit.detail ?? "-")}`);
    if (view.updated_at !== null) output.line(`state ${view.state}, written ${view.updated_at}`);
    if (deep !== null) for (const line of (await import("../gatewayDeep.ts")).deepLines(deep)) output.line(line);
  }
  return view.running === false ? notRunningExit : 0;
}

/** The gateway answers this at once, or it hangs. */
const linkMsMax = 5_000;

/** `herma gateway link`: prints a link that logs a browser in, once. Exit 3 when no gateway runs. */
export async function gatewayLink(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const system = await cli.system();
  const view = gatewayView(system, cli.home);
  if (view.running === false || view.address === null) throw new HermaError("GATEWAY_DOWN", "no gateway runs here");
  const link = await askForLink(system, cli.home, view.address);
  if (cli.json) output.json(link);
  else {
    output.line(link.url);
    output.note(`It works once, for ${link.expires_in_seconds / 60} minutes.`);
  }
  return 0;
}

type LoginLink = { readonly url: string; readonly expires_in_seconds: number };

async function askForLink(system: System, home: string, address: string): Promise<LoginLink> {
  try {
    const answer = await askOverHttp(system, home, address, { method: "POST", path: "/api/login-links" }, linkMsMax);
    if (answer.status === 201) return answer.body as LoginLink;
    throw new Error(`it answered ${answer.status}`);
  } catch (error) {
    throw new HermaError("IO", `the gateway at ${address} gave no link: ${(error as Error).message}`, {
      hint: "`herma gateway status` tells what its files say; its log tells the rest.",
    });
  }
}
