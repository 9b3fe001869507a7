import { homedir, userInfo } from "node:os";
import nodeProcess from "node:process";

/**
 * The folder that `~` stands for. Where `HOME` says nothing (a service, a bare container, `env -i`) it is the one of the user's entry in passwd, as
 * for a shell: the folder a command happens to be run in would be another home each time. The root for a user without an entry.
 */
export function userHome(): string {
  const said = nodeProcess.env.HOME || nodeProcess.env.USERPROFILE;
  if (said) return said;
  try {
    return (nodeProcess.platform === "win32" ? homedir() : userInfo().homedir) || "/";
  } catch {
    return "/";
  }
}

/** The folder this program is run in; null when it cannot be named, because it was removed or lies too deep. */
export function ownFolder(): string | null {
  try {
    return nodeProcess.cwd();
  } catch {
    return null;
  }
}
