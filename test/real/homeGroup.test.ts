import { execFileSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { until } from "../setup/waiting.ts";
import { runHerma } from "./home.ts";
import { startServer } from "./servers.ts";

const isRoot = nodeProcess.getuid?.() === 0;
/** `nogroup` of Debian, of which nobody is a member. */
const group = 65_534;

function mode(...path: string[]): string {
  return statSync(join(...path))
    .mode.toString(8)
    .slice(-4);
}
/** What another user of the group sees of a file; null when it may not. */
function seenByGroup(path: string): string | null {
  try {
    return execFileSync("setpriv", ["--reuid", "65534", "--regid", String(group), "--clear-groups", "cat", path], {
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch {
    return null;
  }
}

test.skipIf(!isRoot || needs("setpriv"))(
  "[compat 9] a group is let in to what tells how the gateway is, and to nothing else; without the setting nobody is",
  async () => {
    const home = join(temporaryFolder(), "home");
    const first = await startServer(home, ["gateway", "run"]);
    expect(mode(home)).toBe("0700");
    expect(mode(home, "gateway_state.json")).toBe("0600");
    first.signal("SIGINT");
    await first.end;
    // The folder above it belongs to the test alone.
    execFileSync("chmod", ["711", join(home, "..")]);
    writeFileSync(join(home, "herma.yaml"), `home:\n  group: ${group}\n`);
    // Whoever starts it may work with a mask that lets nobody in.
    const gateway = await startServer(home, ["gateway", "run"], ["sh", "-c", 'umask 077; exec "$@"', "sh"]);
    expect(mode(home)).toBe("2750");
    for (const name of ["gateway.pid", "gateway.lock", "herma.lock", "gateway_state.json"]) {
      expect(mode(home, name), name).toBe("0640");
      expect(JSON.parse(seenByGroup(join(home, name)) ?? "null"), name).toMatchObject({ kind: "hermes-gateway" });
    }
    expect((await runHerma(home, ["gateway", "drain"])).code).toBe(0);
    await until("the marker stands", () => seenByGroup(join(home, ".drain_request.json")) !== null);
    for (const name of ["token", "herma.yaml", "herma.db"]) expect(seenByGroup(join(home, name)), name).toBeNull();
    for (const name of ["processes", "keepers", "logs"]) expect(mode(home, name).slice(-2), name).toBe("00");
    gateway.signal("SIGINT");
    await gateway.end;
    expect(JSON.parse(seenByGroup(join(home, "gateway_state.json")) ?? "null")).toMatchObject({ gateway_state: "stopped" });
  },
);

test("a group that does not exist is told by name, with the exit code of a bad setting", async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.yaml"), "home:\n  group: no-such-group-here\n");
  const refused = await runHerma(home, ["gateway", "run", "--port", "0"]);
  expect(refused.code).toBe(78);
  expect(refused.stderr).toContain('no group "no-such-group-here"');
});
