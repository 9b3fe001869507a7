import fs from "node:fs";
import nodeProcess from "node:process";
import type { RestartSurvival } from "../../contract/index.ts";
import type { Scopes, Spawner } from "../types.ts";

const probeTimeoutMs = 2000;

/** What the probe looks at; tests pass their own. */
export type ScopesWorld = {
  readonly run: Spawner["run"];
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Exists when systemd is the service manager. */
  readonly systemdMark?: string;
};

/** Scopes by systemd. Whether they work is proven by making one: a bus that cannot be reached, or lacks the right, shows only then. */
export function systemdScopes(world: ScopesWorld): Scopes {
  let manager: "--user" | "--system" | null = null;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(world.variables)) if (value !== undefined) variables[name] = value;
  const options = (unit: string): string[] => [
    manager!,
    "--scope",
    "--collect",
    "--quiet",
    // The keeper divides its scope to hold processes to limits.
    "--property=Delegate=yes",
    `--unit=${unit}`,
    "--",
  ];
  return {
    probe: async (): Promise<RestartSurvival> => {
      manager = null;
      if (!fs.existsSync(world.systemdMark ?? "/run/systemd/system")) return "detached";
      manager = world.uid === 0 ? "--system" : "--user";
      const argv = ["systemd-run", ...options(`herma-probe-${nodeProcess.pid}-${Date.now()}`), "true"];
      const result = await world.run({ argv, cwd: "/", variables, timeoutMs: probeTimeoutMs, bytesMax: 4096 });
      if (result?.code !== 0) manager = null;
      return manager === null ? "detached" : "scoped";
    },
    wrap: (unit, argv) => (manager === null ? argv : ["systemd-run", ...options(unit), ...argv]),
  };
}

/** Where there is no service manager of that kind. */
export const noScopes: Scopes = { probe: async () => "detached", wrap: (_unit, argv) => argv };
