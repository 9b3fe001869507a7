import { gatewayKind } from "../../contract/index.ts";
import { ScopedLocks } from "../../lifecycle/index.ts";
import { scopedLockFolder } from "../../rules/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** What channels need to be the only ones with their bot. Whatever is still held at the end is given back. */
export function identitiesStep(context: GatewayContext): Step {
  return {
    name: "identities",
    downMs: 1_000,
    up: () => {
      const { program, system, log } = context.options;
      const folder = scopedLockFolder(program.variables);
      if (folder === null) {
        log.warn({}, "there is no folder for the locks of bots (HOME is not set): nobody keeps two gateways from using the same one");
        return undefined;
      }
      const { pid, argv, start_time, instance_id, boot_id, version, started_at } = context.claim.state;
      const record = { pid, kind: gatewayKind, argv, start_time, instance_id, boot_id, version, started_at } as const;
      const locks = new ScopedLocks({ folder, system, record });
      context.scopedLocks = locks;
      return async () => {
        await locks.releaseAllOf({ pid, startTime: start_time });
      };
    },
  };
}
