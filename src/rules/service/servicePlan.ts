import { basename } from "node:path";
import { hash64 } from "../hash.ts";

/** The kinds of service managers a gateway can be put under. */
export type ServiceKind = "systemd-user" | "systemd-system" | "launchd" | "windows-task";

/** A gateway as a service; the text of its unit is made from this and nothing else, so that two texts can be compared. */
export type ServicePlan = {
  readonly kind: ServiceKind;
  /** Such as `herma-gateway`; one name for each home. */
  readonly name: string;
  /** Absolute. */
  readonly home: string;
  /** The program and its arguments; the program by its absolute path. */
  readonly command: readonly string[];
  /** Milliseconds. */
  readonly drainMs: number;
  /** For `systemd-system`: who it runs as. */
  readonly user?: { readonly name: string };
  /** Whether keepers get scopes of their own there. If not, they stand in the service's cgroup. */
  readonly scoped: boolean;
};

const baseName = "herma-gateway";
const labelCharactersMax = 32;

/** One service for each home: the usual home has the plain name, another one its own folder's name and a hash of its whole path. */
export function serviceName(home: string, usualHome: string): string {
  if (home === usualHome) return baseName;
  const folder = basename(home)
    .replace(/^\.+/, "")
    .replaceAll(/[^A-Za-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, labelCharactersMax);
  // The usual name of a home tells nothing that the hash does not.
  const label = folder === "" || folder === "herma" ? "" : `${folder}-`;
  return `${baseName}-${label}${hash64(home).slice(0, 8)}`;
}

/** The name by which the service's own manager knows it. */
export function managerName({ kind, name }: Pick<ServicePlan, "kind" | "name">): string {
  if (kind === "launchd") return `ai.herma.${name.replace(/^herma-/, "")}`;
  return kind === "windows-task" ? name : `${name}.service`;
}

/** Where the text of the service stands. `userHome`: of the user whose manager it is; `home`: of the gateway. */
export function servicePath(
  { kind, name }: Pick<ServicePlan, "kind" | "name">,
  place: { readonly userHome: string; readonly configHome?: string | undefined; readonly home: string },
): string {
  switch (kind) {
    case "systemd-user":
      return `${place.configHome?.startsWith("/") ? place.configHome : `${place.userHome}/.config`}/systemd/user/${name}.service`;
    case "systemd-system":
      return `/etc/systemd/system/${name}.service`;
    case "launchd":
      return `${place.userHome}/Library/LaunchAgents/${managerName({ kind, name })}.plist`;
    default:
      return `${place.home}/${name}.xml`;
  }
}
