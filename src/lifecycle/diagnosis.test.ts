import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { plantedSecrets } from "../../test/fixtures/secrets.ts";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { homePaths } from "../contract/index.ts";
import { fakeSystem } from "../system/fake/index.ts";
import { nodeSystem, type System } from "../system/index.ts";
import { diagnose, diagnosisBytesMax, diagnosisFilesMax, diagnosisMsMax, startDiagnosis } from "./diagnosis.ts";

const real = nodeSystem();
type Run = System["spawner"]["run"];

/** The real system with tools that say what the test wants: by name, null: not installed. */
function withTools(tools: (argv: readonly string[]) => string | null): System {
  const run: Run = async ({ argv, bytesMax }) => {
    const said = tools(argv);
    return said === null ? null : { code: 0, stdout: Buffer.from(said.slice(0, bytesMax)) };
  };
  return { ...real, spawner: { ...real.spawner, run } };
}

function freshHome(): { home: string; path: string } {
  const home = temporaryFolder();
  const path = homePaths(home).shutdownDiagnosis;
  mkdirSync(dirname(path));
  return { home, path };
}

async function look(system: System, home: string, pid = nodeProcess.pid): Promise<string> {
  await diagnose(system, { home, pid, signal: "SIGTERM", variables: nodeProcess.env });
  return readFileSync(homePaths(home).shutdownDiagnosis, "utf8");
}

test("[F12] [F23] it holds signal, date, processes, those around the gateway, load, limits and the kernel's last words, and is private", async () => {
  const { home, path } = freshHome();
  const text = await look(real, home);
  expect(text).toMatch(/^=== shutdown diagnostic: SIGTERM, gateway \d+, \d{4}-\d\d-\d\dT\S+\+00:00\n/);
  for (const title of ["processes by CPU", `processes around ${nodeProcess.pid}`, "load", "memory", "limits", "last words of the kernel"])
    expect(text).toContain(`--- ${title}\n`);
  expect(text).toContain("Max open files");
  expect(text).toMatch(/=== end of shutdown diagnostic\n$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("[F12] [defect 6.3.7] no planted secret is in it, wherever it stood: in a command line, in a log", async () => {
  const { home } = freshHome();
  const planted = plantedSecrets();
  for (let at = 0; at < planted.length; at += 15) {
    const some = planted.slice(at, at + 15);
    const inCommands = some.filter(({ text }) => !text.includes("\n")).map(({ text }) => `root 12 0.0 node app.js ${text}`);
    const system = withTools(([tool]) => (tool === "dmesg" ? some.map(({ text }) => text).join("\n") : inCommands.join("\n")));
    const text = await look(system, home);
    for (const { name, secret } of some) expect(text, name).not.toContain(secret);
    expect(text).toContain("node app.js");
  }
});

test("[F23] it falls back from the kernel's buffer to its journal, and to the user's; without ps it tells what it sees itself", async () => {
  const { home } = freshHome();
  const asked: string[] = [];
  const text = await look(
    withTools((argv) => {
      asked.push(argv.join(" "));
      return argv[0] === "journalctl" && argv.includes("--user") ? "the user's journal" : null;
    }),
    home,
  );
  expect(text).toContain("--- last words of the kernel\nthe user's journal\n");
  expect(asked.indexOf("dmesg")).toBeLessThan(asked.findIndex((each) => each.startsWith("journalctl --dmesg")));
  expect(text).toMatch(new RegExp(`^${nodeProcess.pid}  parent ${nodeProcess.ppid}`, "m"));
  expect(text).toContain("--- limits\nLimit");
});

test("[F23] the limits of a gateway that is gone are those it passed on to us", async () => {
  const { home } = freshHome();
  expect(
    await look(
      withTools(() => null),
      home,
      4_194_304,
    ),
  ).toContain("Max open files");
});

test("[F11] [defect 6.3.7] [peer 31] it stays within its bytes, lines and files, however often and whatever tools print", async () => {
  const { home, path } = freshHome();
  const system = withTools(() => `${"x".repeat(30_000)}\n`.repeat(500));
  for (let round = 0; round < diagnosisFilesMax + 3; round += 1) await look(system, home);
  const files = readdirSync(dirname(path));
  expect(files).toHaveLength(diagnosisFilesMax);
  for (const name of files) expect(statSync(`${dirname(path)}/${name}`).size).toBeLessThanOrEqual(diagnosisBytesMax);
});

test("[F11] what is not done in its time is left out", async () => {
  const system = fakeSystem();
  system.files.makeFolder(homePaths("/home").logs);
  const run: Run = ({ timeoutMs }) => new Promise((resolve) => system.clock.after(timeoutMs, () => resolve(null)));
  const done = diagnose({ ...system, spawner: { ...system.spawner, run } }, { home: "/home", pid: 7, signal: "SIGTERM", variables: {} });
  await system.machine.time.wait(done);
  expect(system.clock.monotonicMs()).toBeLessThanOrEqual(diagnosisMsMax + 2_000);
  const text = system.files.read(homePaths("/home").shutdownDiagnosis)?.toString() ?? "";
  expect(text).toContain("no time left");
  expect(text).toContain("=== end of shutdown diagnostic");
});

test("[F11] [defect 6.3.8] it is started in a session and, where there are any, a scope of its own; what cannot be started is null", () => {
  const started: unknown[] = [];
  const spawner = {
    ...real.spawner,
    spawnDaemon: (request: Parameters<System["spawner"]["spawnDaemon"]>[0]) => {
      started.push(request);
      return { ok: true as const, child: { pid: 77, identity: { boot_id: "b", pid: 77, start_time: 1 } } };
    },
  };
  const scopes = { probe: async () => "scoped" as const, wrap: (unit: string, argv: readonly string[]) => ["systemd-run", unit, ...argv] };
  const request = { home: "/h", program: ["node", "herma"], variables: { PATH: "/bin", SECRET: "s" }, pid: 5, signal: "SIGTERM" };
  expect(startDiagnosis({ ...request, system: { platform: "linux", spawner, scopes } })).toBe(77);
  expect(started).toMatchObject([
    {
      argv: [
        "systemd-run",
        "herma-diagnosis-5",
        "node",
        "herma",
        "gateway",
        "diagnose",
        "--home",
        "/h",
        "--pid",
        "5",
        "--signal",
        "SIGTERM",
      ],
      variables: { PATH: "/bin" },
    },
  ]);
  expect(started[0]).not.toHaveProperty("variables.SECRET");
  expect(startDiagnosis({ ...request, system: { platform: "win32", spawner, scopes } })).toBeNull();
  const failing = { ...spawner, spawnDaemon: () => ({ ok: false as const, failure: { error: "ENOMEM", message: "no" } }) };
  expect(startDiagnosis({ ...request, system: { platform: "linux", spawner: failing, scopes } })).toBeNull();
});
