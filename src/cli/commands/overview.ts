import type { Cli } from "../cli.ts";
import { output } from "../output.ts";

/** `herma` alone: the help, and in one line what is going on here. `herma --version`: the version. */
export async function overview(cli: Cli, options: { readonly version: boolean }, showHelp: () => void): Promise<number> {
  const { version } = await import("../../contract/index.ts");
  if (options.version) {
    if (cli.json) output.json({ version });
    else output.line(version);
    return 0;
  }
  const { gatewayView, gatewayWords } = await import("../gatewayView.ts");
  const live = (await cli.registry()).list().length;
  const gateway = gatewayView(await cli.system(), cli.home);
  if (cli.json) {
    output.json({ version, home: cli.home, live_processes: live, gateway });
    return 0;
  }
  showHelp();
  output.line(`\n${live} live process${live === 1 ? "" : "es"} · gateway ${gatewayWords(gateway)} · home ${cli.home}`);
  return 0;
}
