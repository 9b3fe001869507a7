import { countTokens } from "gpt-tokenizer";
import { expect, test } from "vitest";
import type { ProcessId } from "../../contract/index.ts";
import type { StartOptions, WaitOptions } from "../../processes/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { fakeRegistry } from "../testing/fakeRegistry.ts";
import { createTools } from "./createTools.ts";
import type { ToolsOptions } from "./types.ts";

const { clock } = nodeSystem();

/** The tools over played processes, with what they asked the registry for. */
function open(more: Partial<ToolsOptions> = {}) {
  const fake = fakeRegistry();
  const waits: WaitOptions[] = [];
  const starts: StartOptions[] = [];
  const registry = {
    ...fake.registry,
    wait: (options: WaitOptions) => {
      waits.push(options);
      return fake.registry.wait(options);
    },
    start: (options: StartOptions) => {
      starts.push(options);
      return fake.registry.start(options);
    },
  };
  const tools = createTools({ registry, clock, transcriptReader: "test", session: "s", task: "t", pollSeconds: 0, ...more });
  const process = async (input: object) => (await tools.process.run(input)).content;
  const terminal = async (input: object) => (await tools.terminal.run(input)).content;
  const start = async (more: object = {}) => (await terminal({ command: "sleep 9", background: true, ...more })).session_id as ProcessId;
  return { fake, waits, starts, tools, process, terminal, start };
}

test("[T2] the original's parameters, with its bounds; more stand beside them", () => {
  const { tools } = open();
  const schema = tools.process.inputSchema as unknown as {
    properties: Record<string, { type?: string; minimum?: number }>;
    required: string[];
  };
  expect(schema.required).toEqual(["action"]);
  expect(schema.properties).toMatchObject({
    action: { type: "string" },
    session_id: { type: "string" },
    data: { type: "string" },
    offset: { type: "integer" },
    limit: { type: "integer", minimum: 1 },
  });
  expect(schema.properties).toHaveProperty("timeout");
});

test("[P11] [compat 19] a wait lasts 180 s by itself, 300 s at most, and 0 looks", async () => {
  const { process, start, waits } = open();
  const id = await start();
  waits.length = 0;
  for (const timeout of [undefined, 20, 301, 0])
    await process({ action: "wait", session_id: id, ...(timeout === undefined ? {} : { timeout }) });
  expect(waits.map((wait) => wait.deadlineSeconds)).toEqual([180, 20, 300, 0]);
});

test("[compat 17] a foreground command has 180 s, is killed with 124 when they are over, and lives on with `yield_seconds`", async () => {
  const { terminal, waits, fake } = open();
  expect(await terminal({ command: "sleep 900" })).toMatchObject({ exit_code: 124 });
  expect(waits.at(0)?.deadlineSeconds).toBe(180);
  expect([...fake.processes.values()].map(({ view }) => view.exit?.cause)).toEqual(["killed"]);
  expect(await terminal({ command: "sleep 900", yield_seconds: 3 })).toMatchObject({ session_id: expect.any(String) });
  expect(waits.at(-1)?.deadlineSeconds).toBe(3);
  expect(await terminal({ command: "sleep 900", timeout: 601 })).toMatchObject({ error: expect.stringContaining("background=true") });
  const background = await terminal({ command: "sleep 9", background: true, watch_patterns: ["up"] });
  expect(Object.keys(background)).toEqual(expect.arrayContaining(["output", "session_id", "pid", "exit_code", "error", "watch_patterns"]));
});

test("[compat 17] a foreground command has as long as is set, up to 600 s, and the model is told so", async () => {
  const { terminal, waits, starts, tools } = open({ foregroundSeconds: 30 });
  expect(await terminal({ command: "sleep 900" })).toMatchObject({ exit_code: 124, error: expect.stringContaining("after 30 seconds") });
  expect([waits.at(0)?.deadlineSeconds, starts.at(0)?.limits?.run_ms_max]).toEqual([30, 35_000]);
  await terminal({ command: "sleep 900", timeout: 40 });
  expect(waits.at(1)?.deadlineSeconds).toBe(40);
  expect(tools.terminal.inputSchema.properties.timeout).toMatchObject({ description: expect.stringContaining("default 30, at most 600") });
  for (const foregroundSeconds of [0, -1, 601, Number.NaN]) expect(() => open({ foregroundSeconds })).toThrow("up to 600");
});

test("[compat 18] watches of the tool tell every match; nobody is woken who did not ask", async () => {
  const { start, starts } = open();
  await start({ watch_patterns: ["up"] });
  await start();
  await start({ notify_on_complete: true });
  const [watching, silent, notified] = starts;
  expect(watching?.watch).toEqual([{ match: "up", mode: "every" }]);
  expect(watching?.notifyOnComplete).not.toBe(true);
  expect([silent?.watch, silent?.notifyOnComplete]).toEqual([undefined, undefined]);
  expect(notified?.notifyOnComplete).toBe(true);
});

test("[P44] a line of the list has the original's keys", async () => {
  const { process, start, fake } = open();
  const id = await start({ notify_on_complete: true });
  fake.end(id);
  const [entry] = (await process({ action: "list" })).processes as Record<string, unknown>[];
  for (const key of "session_id command cwd pid started_at uptime_seconds status output_preview exit_code notify_on_complete".split(" "))
    expect(entry, key).toHaveProperty(key);
  // A time with its zone: the original's local one could mean any.
  expect(entry?.started_at).toMatch(/\+00:00$/);
});

test("[T7] [defect 6.1.5] letters of every script stay what they are", async () => {
  const { process, start, fake } = open();
  const id = await start({ command: "echo grüße 日本 🎉" });
  fake.print(id, "grüße 日本 🎉\n");
  const text = JSON.stringify(await process({ action: "poll", session_id: id }));
  expect(text).toContain("grüße 日本 🎉");
  expect(text).not.toContain("\\u");
  expect(countTokens(text)).toBeLessThan(300);
});

test("[compat 20] results have the keys that the original's table leaves open", async () => {
  const { process, start, fake } = open();
  const id = await start({ stdin: "pipe" });
  expect(await process({ action: "write", session_id: id, data: "é" })).toMatchObject({ status: "ok", bytes_written: 2 });
  expect(await process({ action: "close", session_id: id })).toMatchObject({ status: "ok", message: expect.any(String) });
  fake.end(id);
  expect(await process({ action: "submit", session_id: id, data: "x" })).toMatchObject({
    status: "already_exited",
    error: expect.any(String),
  });
  expect(Object.keys(await process({ action: "wait", session_id: id }))).toEqual(
    expect.arrayContaining(["status", "command", "exit_code", "completion_reason", "termination_source", "output"]),
  );
  expect(await process({ action: "kill", session_id: id })).toMatchObject({ status: "already_exited", exit_code: 0 });
  expect(Object.keys(await process({ action: "list" }))).toContain("processes");
});
