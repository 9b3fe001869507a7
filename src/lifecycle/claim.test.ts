import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { until } from "../../test/setup/waiting.ts";
import { GatewayRecord, GatewayStateFile } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { claimGateway } from "./claim.ts";
import type { ClaimLoss, ClaimRequest, GatewayClaim } from "./claimTypes.ts";
import { lookAtHeartbeat } from "./heartbeat.ts";
import { findGateway } from "./target.ts";

const system = nodeSystem();

function request(home: string, more: Partial<ClaimRequest> = {}): ClaimRequest {
  return { home, system, argv: ["--port", "0"], commandLine: ["node", "herma"], version: "9.9.9", ...more };
}

async function claim(home: string, more: Partial<ClaimRequest> = {}): Promise<GatewayClaim> {
  const result = await claimGateway(request(home, more));
  if (!result.ok) throw new Error(`refused by ${JSON.stringify(result.holder)}`);
  onTestFinished(() => result.claim.endNow({ phase: "stopped", exitReason: "end of the test" }));
  return result.claim;
}

function json(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}

test("[S1] [S2] [S14] [S17] [compat 6] [compat 8] a claim writes the original's records, whole and private", async () => {
  const home = temporaryFolder();
  const titles: string[] = [];
  const before = { locked: false };
  const made = await claim(home, {
    setTitle: (title) => {
      titles.push(title);
      before.locked = existsSync(join(home, "herma.lock"));
    },
  });
  await made.update({});
  expect(titles).toEqual(["hermes-gateway"]);
  expect(before.locked).toBe(false);
  for (const name of ["gateway.pid", "gateway.lock", "herma.lock"]) {
    const path = join(home, name);
    const record = GatewayRecord.parse(json(path));
    expect(record.pid).toBe(nodeProcess.pid);
    expect(record.start_time).toBe(system.processes.self().start_time);
    expect(record.argv.slice(0, 3)).toEqual(["hermes", "gateway", "run"]);
    expect(record.argv.slice(3)).toEqual(["--port", "0"]);
    expect(record.command_line).toEqual(["node", "herma"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
  const path = join(home, "gateway_state.json");
  const text = readFileSync(path, "utf8");
  expect(text).not.toMatch(/": |, "|\n/);
  const state = GatewayStateFile.parse(JSON.parse(text));
  expect(state).toMatchObject({ gateway_state: "starting", exit_reason: null, restart_requested: false, active_agents: 0, platforms: {} });
  expect(state).toMatchObject({ interval_s: 30, drain_timeout_s: 60, desired_state: "running", version: "9.9.9", phase: "starting" });
  expect(state.updated_at).toMatch(/\+00:00$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("[S6] [compat 4] [defect 6.2.6] a second claim is refused and learns who holds the home; after the end the home is free and the locks still stand", async () => {
  const home = temporaryFolder();
  const first = await claim(home);
  const refused = await claimGateway(request(home));
  expect(refused).toMatchObject({ ok: false, holder: { pid: nodeProcess.pid, since: first.startedAt, kind: "herma", file: "herma.lock" } });
  await first.update({ phase: "stopping", drain_reason: "shutdown" });
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "draining", phase: "stopping", drain_reason: "shutdown" });
  const inodes = ["herma.lock", "gateway.lock"].map((name) => statSync(join(home, name)).ino);
  await first.end({ phase: "stopped", exitReason: "planned stop (SIGTERM)", desiredState: "stopped" });
  expect(existsSync(join(home, "gateway.pid"))).toBe(false);
  expect(json(join(home, "gateway_state.json"))).toMatchObject({
    gateway_state: "stopped",
    exit_reason: "planned stop (SIGTERM)",
    desired_state: "stopped",
    drain_reason: null,
  });
  const second = await claim(home);
  expect(["herma.lock", "gateway.lock"].map((name) => statSync(join(home, name)).ino)).toEqual(inodes);
  expect(second.instanceId).not.toBe(first.instanceId);
});

test("[S6] [peer 30] of many that claim at once exactly one gets the home", async () => {
  const home = temporaryFolder();
  const results = await Promise.all(Array.from({ length: 12 }, () => claimGateway(request(home))));
  const claims = results.filter((result) => result.ok);
  for (const result of claims) result.claim.endNow({ phase: "stopped", exitReason: "end of the test" });
  expect(claims).toHaveLength(1);
  for (const result of results) if (!result.ok) expect(result.holder.pid).toBe(nodeProcess.pid);
});

test.each([
  ["noise", "\u0000\xff{"],
  ["nothing", ""],
  ["a bare pid of a dead program", "4194303"],
  ["a dead program's record", JSON.stringify({ pid: 4_194_303, kind: "hermes-gateway", argv: [], start_time: 5 })],
  ["a record of a reused pid", JSON.stringify({ pid: nodeProcess.ppid, kind: "hermes-gateway", argv: [], start_time: 1 })],
  ["a bare pid of another program", String(nodeProcess.ppid)],
  [
    "a record of another boot",
    JSON.stringify({ pid: nodeProcess.ppid, kind: "hermes-gateway", argv: [], start_time: 1, boot_id: "other" }),
  ],
  ["pid 0, which is everybody", JSON.stringify({ pid: 0, kind: "hermes-gateway", argv: [], start_time: 1 })],
  ["true, which is no pid", JSON.stringify({ pid: true, kind: "hermes-gateway", argv: [], start_time: null })],
])("[S3] [compat 7] [defect 6.2.9] a stale gateway.pid is replaced: %s", async (_what, content) => {
  const home = temporaryFolder();
  writeFileSync(join(home, "gateway.pid"), content);
  await claim(home);
  expect(json(join(home, "gateway.pid"))).toMatchObject({ pid: nodeProcess.pid });
});

test("a gateway that lives without its lock is respected", async () => {
  const home = temporaryFolder();
  const parent = system.processes.identityOf(nodeProcess.ppid);
  const record = { pid: nodeProcess.ppid, kind: "hermes-gateway", argv: ["hermes", "gateway", "run"], start_time: parent?.start_time };
  writeFileSync(join(home, "gateway.pid"), JSON.stringify(record));
  expect(await claimGateway(request(home))).toMatchObject({
    ok: false,
    holder: { pid: nodeProcess.ppid, kind: "hermes", file: "gateway.pid" },
  });
  expect(json(join(home, "gateway.pid"))).toEqual(record);
  unlinkSync(join(home, "gateway.pid"));
  await claim(home);
});

test("[S6] [compat 4] [peer 7] a Hermes gateway that holds gateway.lock keeps the home, and herma.lock is let go again", async () => {
  const home = temporaryFolder();
  const hermes = system.locks.tryTake(join(home, "gateway.lock"));
  hermes?.writeBody(
    JSON.stringify({
      pid: nodeProcess.pid,
      kind: "hermes-gateway",
      argv: ["hermes", "gateway", "run"],
      start_time: system.processes.self().start_time,
    }),
  );
  expect(await claimGateway(request(home))).toMatchObject({
    ok: false,
    holder: { pid: nodeProcess.pid, kind: "hermes", file: "gateway.lock" },
  });
  hermes?.release();
  await claim(home);
});

test("[peer 7] a lock that is only probed for a moment is waited for", async () => {
  const home = temporaryFolder();
  const probe = system.locks.tryTake(join(home, "gateway.lock"));
  const claiming = claim(home);
  setTimeout(() => probe?.release(), 50);
  await claiming;
});

test("[compat 4] [defect 6.2.6] what somebody removed comes back at the next look", async () => {
  const home = temporaryFolder();
  const made = await claim(home);
  for (const name of ["gateway.pid", "gateway.lock", "herma.lock"]) unlinkSync(join(home, name));
  await made.check();
  for (const name of ["gateway.pid", "gateway.lock", "herma.lock"]) expect(json(join(home, name))).toMatchObject({ pid: nodeProcess.pid });
  expect(made.lost).toBe(false);
  expect((await claimGateway(request(home))).ok).toBe(false);
});

test.each(["gateway.lock", "herma.lock"])(
  "[compat 4] [defect 6.2.6] when another program holds a new %s, the claim is lost and nothing is written any more",
  async (name) => {
    const home = temporaryFolder();
    const losses: ClaimLoss[] = [];
    const made = await claim(home, { onLost: (loss) => losses.push(loss) });
    await made.update({ phase: "running" });
    unlinkSync(join(home, name));
    const thief = system.locks.tryTake(join(home, name));
    onTestFinished(() => thief?.release());
    thief?.writeBody(JSON.stringify({ pid: 77, kind: "hermes-gateway", argv: [], start_time: 1 }));
    writeFileSync(join(home, "gateway.pid"), JSON.stringify({ pid: 77, kind: "hermes-gateway", argv: [], start_time: 1 }));
    writeFileSync(join(home, "gateway_state.json"), '{"pid":77}');
    await made.check();
    await made.check();
    expect(losses).toEqual([{ reason: "lock_stolen", file: join(home, name), pid: 77 }]);
    await made.update({ phase: "stopping" });
    await made.end({ phase: "stopped", exitReason: "lock_stolen" });
    expect(json(join(home, "gateway_state.json"))).toEqual({ pid: 77 });
    expect(json(join(home, "gateway.pid"))).toMatchObject({ pid: 77 });
  },
);

test.each(["removed", "moved away", "removed and made anew"])(
  "a claim whose home was %s is lost: nothing is made again in its place",
  async (how) => {
    const home = join(temporaryFolder(), "home");
    mkdirSync(home);
    const losses: ClaimLoss[] = [];
    const made = await claim(home, { onLost: (loss) => losses.push(loss) });
    await made.update({ phase: "running" });
    if (how === "moved away") renameSync(home, `${home}.old`);
    else rmSync(home, { recursive: true });
    const anew = how === "removed and made anew";
    // Its number must not be given to the new folder.
    if (anew) mkdirSync(`${home}.other`);
    if (anew) mkdirSync(home);
    await made.check();
    expect(losses).toEqual([{ reason: "home_removed", file: home, pid: null }]);
    await made.end({ phase: "stopped", exitReason: "home_removed" });
    if (anew) expect(readdirSync(home)).toEqual([]);
    else expect(existsSync(home)).toBe(false);
  },
);

test("[defect 6.2.3] [defect 6.2.12] whoever loses writes nothing, and each new holder begins with words of its own", async () => {
  const home = temporaryFolder();
  const first = await claim(home);
  await first.update({ phase: "running", active_agents: 3, platforms: { telegram: { state: "connected" } } });
  const before = readFileSync(join(home, "gateway_state.json"), "utf8");
  expect((await claimGateway(request(home))).ok).toBe(false);
  expect(readFileSync(join(home, "gateway_state.json"), "utf8")).toBe(before);
  await first.end({ phase: "stopped", exitReason: "planned stop (SIGTERM)", desiredState: "stopped" });
  // Readers leave the reason of the end as it stands.
  lookAtHeartbeat(home, system);
  findGateway(system, home);
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "stopped", exit_reason: "planned stop (SIGTERM)" });
  const second = await claim(home);
  await second.update({});
  expect(json(join(home, "gateway_state.json"))).toMatchObject({
    instance_id: second.instanceId,
    gateway_state: "starting",
    exit_reason: null,
    active_agents: 0,
    platforms: {},
    desired_state: "running",
  });
});

test("[defect 6.2.4] the heart beats: the file is written again and again, and missing records come back by themselves", async () => {
  const home = temporaryFolder();
  const made = await claim(home, { heartbeatMs: 10 });
  const path = join(home, "gateway_state.json");
  await made.update({});
  const first = Number(json(path).seq);
  unlinkSync(join(home, "gateway.pid"));
  await until("three more beats", () => Number(json(path).seq) >= first + 3);
  expect(json(join(home, "gateway.pid"))).toMatchObject({ pid: nodeProcess.pid });
  expect(json(path).interval_s).toBe(0.01);
});

test("a disk that fails is told, and the state is written when it works again", async () => {
  const home = temporaryFolder();
  const problems: unknown[] = [];
  let broken = false;
  const files: typeof system.files = Object.create(system.files, {
    replaceDurably: {
      value: async (path: string, data: string) => {
        if (broken) throw new Error("no space");
        await system.files.replaceDurably(path, data);
      },
    },
  });
  const made = await claim(home, { system: { ...system, files }, onProblem: (error) => problems.push(error) });
  await made.update({});
  broken = true;
  await made.update({ phase: "running" });
  expect(problems).toHaveLength(1);
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "starting" });
  broken = false;
  await made.update({});
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "running" });
});

test("[S15] changes made together are one write, and the last one stands", async () => {
  const home = temporaryFolder();
  const made = await claim(home);
  await made.update({});
  const before = made.state.seq;
  await Promise.all([made.update({ active_agents: 1 }), made.update({ active_agents: 2 }), made.update({ active_agents: 3 })]);
  expect(made.state.seq).toBe(before + 1);
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ active_agents: 3, seq: before + 1 });
});

test("[S4] a pid file that is somebody else's by now is left alone, and a forced end is written at once", async () => {
  const home = temporaryFolder();
  const made = await claim(home);
  await made.update({ phase: "running" });
  renameSync(join(home, "gateway.pid"), join(home, "old.pid"));
  writeFileSync(join(home, "gateway.pid"), JSON.stringify({ pid: 77, kind: "hermes-gateway", argv: [], start_time: 1 }));
  made.endNow({ phase: "stopped", exitReason: "forced" });
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "stopped", exit_reason: "forced" });
  expect(json(join(home, "gateway.pid"))).toMatchObject({ pid: 77 });
  await made.end({ phase: "stopped", exitReason: "too late" });
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ exit_reason: "forced" });
});
