/** The unit of a service manager that a program belongs to. */
export type ManagerUnit = {
  /** Such as `herma-gateway.service`. */
  readonly unit: string;
  /** Whose manager has it: the machine's, or that of the user with this id. */
  readonly manager: "system" | "user";
};

/**
 * Which service a program runs in, from its `/proc/<pid>/cgroup` (systemd keeps the unit's name in the path, in both versions of cgroups). Null
 * when it is in none: a login session, a scope, a container, a machine without systemd. The innermost unit counts, so a program of a
 * user's manager is not taken for the `user@1000.service` around it (hermes F16: asking the wrong manager reads another unit's value).
 */
export function unitOfCgroup(text: string): ManagerUnit | null {
  const lines = text.split("\n").flatMap((line) => /^(\d+):([^:]*):(\/.*)$/.exec(line)?.slice(2) ?? []);
  const paths = new Map<string, string>();
  for (let at = 0; at + 1 < lines.length; at += 2) paths.set(lines[at]!, lines[at + 1]!);
  // On a machine with both versions either may be the one that its systemd (or that of a container) uses.
  return unitOfPath(paths.get("") ?? "") ?? unitOfPath(paths.get("name=systemd") ?? "");
}

function unitOfPath(path: string): ManagerUnit | null {
  const parts = path.split("/").filter((part) => part !== "");
  const userManager = parts.findIndex((part) => /^user@\d+\.service$/.test(part));
  const below = parts.slice(userManager + 1);
  // Services may have cgroups of their own below; a scope inside of one is not the service.
  const innermost = below.findLast((part) => /\.(service|scope)$/.test(part));
  if (innermost === undefined || !innermost.endsWith(".service")) return null;
  return { unit: unescaped(innermost), manager: userManager === -1 ? "system" : "user" };
}

/** systemd puts a `_` before a name that would be taken for a file of the kernel's. */
function unescaped(part: string): string {
  return part.startsWith("_") ? part.slice(1) : part;
}
