import { refuseOthersHome } from "../../lifecycle/index.ts";
import type { Step } from "../climb.ts";
import { readConfig } from "../config.ts";
import type { GatewayContext } from "../context.ts";
import { ensureToken, prepareHome } from "../home.ts";

const downMs = 100;

/** The folder everything lives in, and nobody else's. */
export function homeStep({ options, lastWords }: GatewayContext): Step {
  return {
    name: "home",
    downMs,
    up: () => {
      refuseOthersHome(options.home, options.system.files, options.program.userId);
      prepareHome(options.home, options.system, options.log);
      lastWords.homeIsUsable();
      return undefined;
    },
  };
}

/** What its owner set. */
export function configStep(context: GatewayContext): Step {
  const { home, system, log } = context.options;
  return {
    name: "config",
    downMs,
    up: async () => {
      context.config = await readConfig(home, system, log);
      log.setLevel(context.config.log.level);
      return undefined;
    },
  };
}

/** After the claim, so that only one program ever makes one. */
export function tokenStep(context: GatewayContext): Step {
  const { home, system, log } = context.options;
  return {
    name: "token",
    downMs,
    up: () => {
      context.token = ensureToken(home, system, log);
      return undefined;
    },
  };
}
