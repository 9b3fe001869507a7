import { expect, test } from "vitest";
import { homePaths } from "../contract/index.ts";
import { readDiary } from "../lifecycle/index.ts";
import { FakeMachine, fakeProgram } from "../system/fake/index.ts";
import { type FakeGateway, fakeGateway, fakeHome } from "./testing/fakeGateway.ts";

async function startReady(machine: FakeMachine): Promise<FakeGateway> {
  const gateway = fakeGateway(fakeProgram(machine, "gateway"));
  await machine.time.until("it is ready", gateway.ready);
  return gateway;
}

function verdicts(machine: FakeMachine): unknown[] {
  const diary = readDiary(fakeProgram(machine, "reader").files, fakeHome);
  return diary.filter(({ event }) => event === "autopsy").map(({ pid, verdict }) => [pid, verdict]);
}

function stateOf(machine: FakeMachine): Record<string, unknown> {
  return JSON.parse(String(fakeProgram(machine, "reader").files.read(homePaths(fakeHome).gatewayState))) as Record<string, unknown>;
}

test("[defect 6.3.9] what the kernel's log says of the one before is asked when the gateway is up, and makes a better verdict", async () => {
  const machine = new FakeMachine();
  const first = await startReady(machine);
  const { pid } = first.system.program.process;
  first.system.program.kill();
  const asked: string[] = [];
  machine.install("journalctl", (run) => {
    asked.push(run.argv.join(" "));
    run.print(`kernel: Out of memory: Killed process ${pid} (node)\n`);
    run.exit(0);
  });
  const second = await startReady(machine);
  expect(verdicts(machine)).toEqual([[pid, "killed"]]);
  expect(asked).toEqual([]);
  await machine.time.advance(10_000);
  expect(asked[0]).toContain("journalctl --dmesg");
  expect(verdicts(machine)).toEqual([
    [pid, "killed"],
    [pid, "out_of_memory"],
  ]);
  expect(second.logged.filter(({ fields }) => fields.verdict === "out_of_memory")).toHaveLength(1);
  second.signal("SIGINT");
  await machine.time.wait(second.end);
});

test("a gateway that is told to stop while the logs are asked writes nothing more", async () => {
  const machine = new FakeMachine();
  const first = await startReady(machine);
  const { pid } = first.system.program.process;
  first.system.program.kill();
  machine.install("journalctl", (run) => {
    run.after(1_000, () => {
      run.print(`kernel: Out of memory: Killed process ${pid} (node)\n`);
      run.exit(0);
    });
  });
  const second = await startReady(machine);
  await machine.time.advance(2_500);
  second.signal("SIGINT");
  await machine.time.wait(second.end);
  await machine.time.advance(10_000);
  expect(verdicts(machine)).toEqual([[pid, "killed"]]);
});

test("the fourth gateway in a row of which the others were killed says so, serves, and resumes nothing; a person's stop ends that", async () => {
  const machine = new FakeMachine();
  for (let life = 1; life <= 3; life += 1) {
    const gateway = await startReady(machine);
    expect(stateOf(machine).restart_loop ?? false).toBe(false);
    gateway.system.program.kill();
    await machine.time.advance(200_000);
  }
  const fourth = await startReady(machine);
  expect(stateOf(machine)).toMatchObject({ gateway_state: "running", restart_loop: true });
  expect(fourth.logged.some(({ level, message }) => level === "error" && message.includes("follow each other too quickly"))).toBe(true);
  fourth.signal("SIGINT");
  await machine.time.wait(fourth.end);
  fourth.system.program.kill();
  const fifth = await startReady(machine);
  expect(stateOf(machine).restart_loop ?? false).toBe(false);
  fifth.signal("SIGINT");
  await machine.time.wait(fifth.end);
});
