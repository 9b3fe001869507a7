import { basename } from "node:path";
import { homePaths } from "../../contract/index.ts";
import { lookAtNames } from "../../system/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/**
 * A tool of Hermes that does not recognise us (from another pid namespace, say) unlinks our lock and pid file. They are put back as soon as
 * that is seen, so that no gateway of Hermes finds the home free meanwhile (spec compat 4). The heartbeat looks as well.
 */
export function recordsStep(context: GatewayContext): Step {
  return {
    name: "records",
    downMs: 100,
    up: () => {
      const { home, system, log } = context.options;
      const { hermaLock, gatewayLock, gatewayPid } = homePaths(home);
      return lookAtNames(system, {
        folder: home,
        names: [hermaLock, gatewayLock, gatewayPid].map((path) => basename(path)),
        look: () => void context.claim.check(),
        blind: (error) =>
          log.warn({ problem: String(error) }, "changes in the home are not told; lock and pid file are looked at with each heartbeat"),
      });
    },
  };
}
