import { HermaError, homePaths } from "../../contract/index.ts";
import { groupNumber } from "../../rules/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

const groupsFile = "/etc/group";
const groupsBytesMax = 1_048_576;
/** Files made in the home get its group (setgid); what they show to it is said file by file. */
const sharedFolderMode = 0o2750;
const sharedFileMode = 0o640;
/** Bits that let the group or the world in. */
const othersMask = 0o077;

/**
 * Opens to the group of `home.group` what tells how the gateway is, and nothing else (spec compat 9). Throws CONFIG_INVALID for a group that
 * does not exist, HOME_UNUSABLE when the home may not be given to it.
 */
export function groupStep(context: GatewayContext): Step {
  return {
    name: "group",
    downMs: 100,
    up: () => {
      const { group } = context.config.home;
      const { home, system } = context.options;
      if (group === null) return undefined;
      const number = typeof group === "number" ? group : numberOf(context, group);
      try {
        system.files.setGroup(home, number);
        system.files.setMode(home, sharedFolderMode);
        // Files of before have another group; those that are made from now on get the folder's.
        const { config, hermaLock, gatewayLock, gatewayPid, gatewayState } = homePaths(home);
        for (const path of [hermaLock, gatewayLock, gatewayPid, gatewayState])
          if (system.files.stat(path) !== null) system.files.setGroup(path, number);
        // Settings may hold secrets, and editors leave them readable: until now the folder kept everybody out.
        if (((system.files.stat(config)?.mode ?? 0) & othersMask) !== 0) system.files.setMode(config, 0o600);
      } catch (error) {
        throw new HermaError("HOME_UNUSABLE", `the home ${home} cannot be opened to the group ${group}: ${String(error)}`, {
          cause: error,
          hint: "Only a member of a group (or root) may give it a folder: add this user to it, or take home.group out of herma.yaml.",
        });
      }
      context.fileMode = sharedFileMode;
      return undefined;
    },
  };
}

function numberOf({ options }: GatewayContext, name: string): number {
  const text = options.system.files.read(groupsFile, groupsBytesMax)?.toString("utf8") ?? "";
  const number = groupNumber(text, name);
  if (number !== null) return number;
  throw new HermaError("CONFIG_INVALID", `home.group: ${groupsFile} has no group ${JSON.stringify(name)}`, {
    hint: "Name one that is there, or give its number.",
  });
}
