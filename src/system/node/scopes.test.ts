import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { nodeSystem } from "../index.ts";
import { systemdScopes } from "./scopes.ts";

const { spawner } = nodeSystem();

/** A machine with a systemd of which we only see the program `systemd-run`. */
function scopesWith(program: string | null, uid: number, booted = true) {
  const folder = temporaryFolder();
  mkdirSync(`${folder}/bin`);
  const systemdMark = `${folder}/run-systemd-system`;
  if (booted) mkdirSync(systemdMark);
  if (program !== null) writeFileSync(`${folder}/bin/systemd-run`, `#!/bin/sh\n${program}`, { mode: 0o755 });
  const scopes = systemdScopes({
    run: spawner.run,
    variables: { PATH: `${folder}/bin:/usr/bin:/bin`, ASKED: `${folder}/asked` },
    uid,
    systemdMark,
  });
  return { scopes, asked: () => readFileSync(`${folder}/asked`, "utf8") };
}

const argv = ["herma", "keeper"];
const works = 'echo "$@" > "$ASKED"; while [ "$1" != -- ]; do shift; done; shift; exec "$@"';

describe("scopes", () => {
  test.each([
    ["a user", 1000, "--user"],
    ["root", 0, "--system"],
  ])("where they work for %s, the argv is wrapped", async (_who, uid, manager) => {
    const { scopes, asked } = scopesWith(works, uid);
    expect(await scopes.probe()).toBe("scoped");
    expect(asked()).toMatch(new RegExp(`^${manager} --scope --collect --quiet --property=Delegate=yes --unit=herma-probe-\\S+ -- true\n$`));
    expect(scopes.wrap("herma-keeper", argv)).toEqual([
      "systemd-run",
      manager,
      "--scope",
      "--collect",
      "--quiet",
      "--property=Delegate=yes",
      "--unit=herma-keeper",
      "--",
      ...argv,
    ]);
  });

  test.each<[string, string | null, boolean]>([
    ["systemd is not the service manager", works, false],
    ["systemd-run is not there", null, true],
    ["the bus refuses", "echo Failed to connect to bus >&2; exit 1", true],
    ["the bus never answers", "exec sleep 1000", true],
  ])("where %s, a daemon is detached only", async (_why, program, booted) => {
    const { scopes } = scopesWith(program, 1000, booted);
    expect(await scopes.probe()).toBe("detached");
    expect(scopes.wrap("unit", argv)).toEqual(argv);
  });

  test("[peer 29] a manager that was away, and one that goes, are noticed at the next probe", async () => {
    const folder = temporaryFolder();
    const program = `${folder}/systemd-run`;
    const scopes = systemdScopes({ run: spawner.run, variables: { PATH: `${folder}:/usr/bin:/bin` }, uid: 1000, systemdMark: folder });
    const manager = (exitCode: number) => writeFileSync(program, `#!/bin/sh\nexit ${exitCode}\n`, { mode: 0o755 });
    manager(1);
    expect(await scopes.probe()).toBe("detached");
    manager(0);
    expect(await scopes.probe()).toBe("scoped");
    manager(1);
    expect(await scopes.probe()).toBe("detached");
    expect(scopes.wrap("unit", argv)).toEqual(argv);
  });

  test("before the probe nothing is wrapped", () => {
    expect(scopesWith(works, 0).scopes.wrap("unit", argv)).toEqual(argv);
  });
});
