import { HermaError } from "../../contract/index.ts";
import { budgets } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { gatewayView } from "../gatewayView.ts";
import { output } from "../output.ts";
import { findService, stopMsMax, theService, type WhoseService } from "../service.ts";

/** `herma gateway start`: starts the service, repaired first when it is outdated. Throws SERVICE_NOT_INSTALLED, GATEWAY_RUNNING. */
export async function gatewayStart(cli: Cli, _words: readonly string[], options: WhoseService): Promise<number> {
  const service = await theService(cli, options);
  const repaired = await service.install();
  const before = await service.state();
  const view = gatewayView(await cli.system(), service.plan.home);
  if (before.active !== "active") {
    if (view.running === true && view.pid !== before.pid) {
      throw new HermaError(
        "GATEWAY_RUNNING",
        `a gateway of ${service.plan.home} runs already${view.pid === null ? "" : ` (pid ${view.pid})`}, not as the service`,
        {
          hint: "`herma gateway stop` ends it; then start the service.",
        },
      );
    }
    await service.tell("start", budgets.managerStartMs + 5_000);
  }
  tellDone(cli, service.plan.name, { action: before.active === "active" ? "running" : "started", repaired });
  return 0;
}

/**
 * After a gateway was told to stop: a service that would bring the next one (it starts it again, or stands by) is stopped as well. True when
 * there was one. A planned stop of the service's own gateway has ended it already.
 */
export async function stopService(cli: Cli): Promise<boolean> {
  const service = await findService(cli, {}).catch(() => null);
  const active = service === null ? null : (await service.state()).active;
  if (service === null || active === null || active === "inactive" || active === "failed") return false;
  await service.tell("stop", stopMsMax(service));
  return true;
}

/** Before a restart: an outdated service is repaired, so that the next gateway is started by the new one. True when it was. */
export async function repairService(cli: Cli): Promise<boolean> {
  const service = await findService(cli, {}).catch(() => null);
  return service !== null && (service.outdated()?.length ?? 0) > 0 && (await service.install());
}

function tellDone(cli: Cli, name: string, done: { readonly action: string; readonly repaired: boolean }): void {
  if (cli.json) {
    output.json({ ok: true, service: name, ...done });
    return;
  }
  if (done.repaired) output.note(`the service ${name} was outdated and is repaired`);
  output.line(
    `${done.action === "running" ? "it runs already" : done.action} (service ${name})${done.action === "stopped" ? "; processes go on" : ""}`,
  );
}
