import { countTokens } from "gpt-tokenizer";
import { expect, test } from "vitest";
import { plantedSecrets } from "../../../test/fixtures/secrets.ts";
import type { ProcessId } from "../../contract/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { fakeRegistry } from "../testing/fakeRegistry.ts";
import { createTools } from "./createTools.ts";
import type { JsonObject, Tool, ToolsOptions } from "./types.ts";

const { clock } = nodeSystem();

function open(more: Partial<ToolsOptions> = {}) {
  const fake = fakeRegistry();
  const tools = createTools({ registry: fake.registry, clock, transcriptReader: "test", session: "s", pollSeconds: 0, ...more });
  const call = async (tool: Tool, input: unknown): Promise<JsonObject> => (await tool.run(input)).content;
  return {
    fake,
    tools,
    terminal: (input: unknown) => call(tools.terminal, input),
    process: (input: unknown) => call(tools.process, input),
    start: async (input: object = {}) => {
      const started = await call(tools.terminal, { command: "sleep 9", background: true, ...input });
      return started.session_id as ProcessId;
    },
  };
}

test("descriptions and schemas of both tools cost at most 1,200 tokens", () => {
  const { tools } = open();
  const text = JSON.stringify(
    [tools.terminal, tools.process].map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
  );
  expect(countTokens(text)).toBeLessThanOrEqual(1200);
  for (const { inputSchema } of [tools.terminal, tools.process]) {
    expect(JSON.stringify(inputSchema)).not.toMatch(/anyOf|oneOf|allOf|\$ref/);
  }
});

test("[P35] a poll with nothing new costs at most 40 tokens; the 3rd hints, the 6th arms the wake, output begins anew", async () => {
  const { process, start, fake } = open();
  const id = await start();
  const answers: JsonObject[] = [];
  for (let count = 0; count < 7; count += 1) answers.push(await process({ action: "poll", session_id: id }));
  expect(Object.keys(answers[0]!)).toEqual(["session_id", "status", "cursor"]);
  expect(countTokens(JSON.stringify(answers[0]))).toBeLessThanOrEqual(40);
  expect(answers.map((answer) => "hint" in answer)).toEqual([false, false, true, false, false, true, true]);
  expect(fake.interests.get(id)?.notify_on_complete).toBe(true);
  fake.print(id, "news\n");
  expect(await process({ action: "poll", session_id: id })).toMatchObject({
    output_preview: "news\n",
    status: "running",
    wake_armed: true,
  });
});

test("a poll without news waits by itself, and answers at the first output", async () => {
  const { process, start, fake } = open({ pollSeconds: 60 });
  const id = await start();
  const polled = process({ action: "poll", session_id: id });
  fake.print(id, "now");
  expect(await polled).toMatchObject({ output_preview: "now" });
});

test("[P35] [defect 6.1.4] output counts as read when the transcript has it, not before", async () => {
  const { tools, start, fake } = open();
  const id = await start();
  fake.print(id, "one\n");
  const first = await tools.process.run({ action: "poll", session_id: id });
  const again = await tools.process.run({ action: "poll", session_id: id });
  expect([first.content.output_preview, again.content.output_preview]).toEqual(["one\n", "one\n"]);
  again.acknowledge();
  again.acknowledge();
  fake.print(id, "two\n");
  expect((await tools.process.run({ action: "wait", session_id: id, timeout: 0 })).content.output).toBe("two\n");
});

test("[T1] [P35][P36][P37][P38] the original's keys and statuses", async () => {
  const { process, terminal, start, fake } = open();
  expect(await terminal({ command: "true" })).toMatchObject({
    output: "",
    exit_code: 0,
    error: null,
    state: "ended",
    exit: { code: 0, signal: null, cause: "exited" },
  });
  const started = await terminal({ command: "sleep 9", background: true, notify_on_complete: true });
  expect(started).toMatchObject({
    output: "Background process started",
    pid: 4242,
    exit_code: 0,
    error: null,
    notify_on_complete: true,
    wake_armed: true,
  });
  const id = await start();
  expect(await process({ action: "wait", session_id: id, timeout: 900 })).toMatchObject({
    status: "timeout",
    command: "sleep 9",
    timeout_note: "Requested wait of 900s was clamped to configured limit of 300s",
  });
  expect(await process({ action: "wait", session_id: id, timeout: 0 })).toMatchObject({
    timeout_note: "Waited 0s, process still running",
    reason: "deadline",
  });
  fake.print(id, "a\nb\n");
  expect(await process({ action: "log", session_id: id })).toMatchObject({ session_id: id, output: "a\nb\n", showing: "2 lines" });
  expect(await process({ action: "kill", session_id: id })).toMatchObject({
    status: "killed",
    session_id: id,
    completion_reason: "killed",
    termination_source: "process.kill",
    exit: { signal: "SIGTERM", cause: "killed" },
  });
  expect(await process({ action: "kill", session_id: id })).toMatchObject({ status: "already_exited", exit_code: -15 });
  expect(await process({ action: "wait", session_id: id })).toMatchObject({
    status: "exited",
    exit_code: -15,
    completion_reason: "killed",
    termination_source: "process.kill",
    output: "a\nb\n",
  });
  expect(await process({ action: "poll", session_id: "proc_ffffffffffff" })).toMatchObject({
    status: "not_found",
    error: expect.stringContaining("No process with ID"),
  });
  const { processes } = await process({ action: "list" });
  expect(processes).toMatchObject([
    { status: "running" },
    { session_id: id, status: "exited", exit_code: -15 },
    { status: "exited", exit_code: 0 },
  ]);
});

test("[T1] [defect 6.1.15] [P42] input: raw, with Enter, keys, and where there is none", async () => {
  const { process, start, fake } = open();
  const pipe = await start({ stdin: "pipe" });
  expect(await process({ action: "write", session_id: pipe, data: "é" })).toMatchObject({ status: "ok", bytes_written: 2 });
  await process({ action: "submit", session_id: pipe, data: "yes" });
  const tty = await start({ pty: true });
  await process({ action: "submit", session_id: tty, data: "yes" });
  await process({ action: "keys", session_id: tty, data: "up ctrl-c" });
  expect([fake.processes.get(pipe)?.written, fake.processes.get(tty)?.written]).toEqual([
    ["é", "yes\n"],
    ["yes\r", "\x1b[A\x03"],
  ]);
  const none = await start();
  expect(await process({ action: "write", session_id: none, data: "x" })).toMatchObject({
    status: "error",
    error: expect.stringContaining("stdin=pipe"),
  });
  expect(await process({ action: "keys", session_id: pipe, data: "ctrl-c" })).toMatchObject({
    status: "error",
    error: expect.stringContaining("signal with INT"),
  });
  expect(await process({ action: "close", session_id: pipe })).toMatchObject({ status: "ok", message: "stdin closed" });
  fake.end(pipe);
  expect(await process({ action: "write", session_id: pipe, data: "x" })).toMatchObject({
    status: "already_exited",
    error: expect.any(String),
  });
  const both = await process({ action: "submit", session_id: tty, data: "ls", then_wait: 1, until: "match:done" });
  expect(both).toMatchObject({ status: "timeout", bytes_written: 3, output: "" });
});

test.each([
  [{ action: "stop" }, /Unknown action "stop"; use one of list, poll.*Did you mean kill\?/],
  [{ action: "polll" }, /Did you mean poll/],
  [{}, /needs an action: list, poll/],
  [{ action: "poll" }, /session_id is required for poll/],
  [{ action: "wait", session_ids: [] }, /session_id is required for wait/],
  [{ action: "wait", id: "x" }, /no parameter "id"; use session_id/],
  [{ action: "log", session_id: "$ID", offset: "many" }, /offset must be a whole number/],
  [{ action: "wait", session_id: "$ID", until: "ready" }, /until must be exit, match:TEXT/],
  [{ action: "write", session_id: "$ID" }, /write needs data/],
  [{ action: "search", session_id: "$ID" }, /search needs a pattern/],
  [{ action: "resize", session_id: "$ID", data: "big" }, /ROWSxCOLUMNS/],
  [{ action: "kill", session_id: "$ID", signal: "INT" }, /"action": "signal"/],
  [{ action: "update", session_id: "$ID" }, /notify_on_complete, watch_patterns, on_exit or limits/],
  [{ action: "update", session_id: "$ID", limits: { memory: 3 } }, /limits has no "memory"; it has memory_mb/],
  [{ action: "log", session_id: "$ID", view: "screen" }, /no terminal/],
  [{ action: "poll", session_id: "$ID", until: "match:up", timeout: 5 }, /poll waits for nothing: use wait/],
  [{ action: "log", session_id: "$ID", pattern: "ERROR" }, /use search, which takes pattern/],
  [{ action: "wait", session_id: "$ID", pattern: "up" }, /"until": "match:TEXT"/],
  [{ action: "close", session_id: "$ID", data: "bye" }, /close sends no data/],
  [{ action: "signal", session_id: "$ID", signal: 15 }, /a name such as INT.*not the number 15/],
  ["poll", /takes a JSON object/],
  [[1], /takes a JSON object/],
])("[T3] [T5] process %j is answered with the right call", async (input, sentence) => {
  const { process, start } = open();
  const id = await start();
  const asked = JSON.parse(JSON.stringify(input).replace("$ID", id)) as unknown;
  const answer = await process(asked);
  expect(answer).toMatchObject({ status: "error" });
  expect(answer.error).toMatch(sentence);
});

test.each([
  [{}, /needs command/],
  [{ cmd: "ls" }, /no parameter "cmd"; use command/],
  [{ command: "ls", cwd: "/" }, /no parameter "cwd"; use workdir/],
  [{ command: "ls", runInBackground: true }, /use background/],
  [{ command: "npm start", timeout: 601 }, /at most 600 seconds.*background=true with notify_on_complete=true/],
  [{ command: "nohup npm start" }, /nohup hides.*background=true/],
  [{ command: "npm start &" }, /trailing &/],
  [{ command: "ls", background: "maybe" }, /background must be true or false/],
  [{ command: "ls", lifetime: "ever" }, /lifetime must be one of turn, session, project, host/],
  [{ command: "ls", name: "a b" }, /name is 1 to 64/],
  [{ command: "ls", ensure: true }, /ensure needs a name/],
  [{ command: "fail" }, /no keeper/],
])("[peer 11] terminal %j is answered with the right call", async (input, sentence) => {
  const { terminal } = open();
  const answer = await terminal(input);
  expect(answer).toMatchObject({ output: "", exit_code: -1 });
  expect(answer.error).toMatch(sentence);
});

test("[T3] what is meant is understood: quotes, lists of one, names, whole numbers, JSON in a string", async () => {
  const { process, terminal, start } = open();
  const id = await start({ name: "1234" });
  expect(await process({ action: "POLL", session_id: 1234 })).toMatchObject({ session_id: id });
  expect(await process({ action: "wait", session_ids: [id, "gone"], timeout: 0 })).toMatchObject({
    status: "not_found",
    error: expect.stringMatching(/^No process with ID "gone";/),
  });
  expect(await process({ action: "wait", session_ids: id, timeout: "0" })).toMatchObject({ status: "timeout" });
  expect(await process(JSON.stringify({ action: "poll", session_id: id }))).toMatchObject({ session_id: id });
  expect(await terminal({ command: "true", background: "false", timeout: null })).toMatchObject({ exit_code: 0 });
  expect(await terminal({ command: "true", explanation: "why" })).toMatchObject({ hint: expect.stringContaining('"explanation"') });
});

test("both wishes at once are answered as the original does; wishes without background are told", async () => {
  const { terminal } = open();
  expect(await terminal({ command: "x", background: true, notify_on_complete: true, watch_patterns: ["a"] })).toMatchObject({
    watch_patterns_ignored: expect.any(String),
  });
  expect(await terminal({ command: "x", background: true, watch_patterns: "a" })).toMatchObject({ watch_patterns: ["a"] });
  expect(await terminal({ command: "true", notify_on_complete: true })).toMatchObject({
    hint: expect.stringContaining("background=true only"),
  });
});

test("[P51] an end that was waited for is known once the transcript has it; a poll merely observes it", async () => {
  const { tools, start, fake } = open();
  const id = await start({ notify_on_complete: true });
  fake.end(id);
  (await tools.process.run({ action: "poll", session_id: id })).acknowledge();
  const waited = await tools.process.run({ action: "wait", session_id: id });
  expect([...fake.told]).toEqual([]);
  waited.acknowledge();
  expect([...fake.told]).toEqual([id]);
  const other = await start({ notify_on_complete: true });
  fake.end(other);
  (await tools.process.run({ action: "log", session_id: other })).acknowledge();
  expect([...fake.told]).toEqual([id, other]);
});

test("where nobody can be told, every wish to be told is answered so", async () => {
  const fake = fakeRegistry();
  const { terminal } = createTools({ registry: fake.registry, clock, transcriptReader: "r" });
  for (const wish of [{ notify_on_complete: true }, { watch_patterns: ["a"] }, { on_exit: { success: "turn" } }]) {
    const { content } = await terminal.run({ command: "x", background: true, ...wish });
    expect(content).toMatchObject({ session_id: expect.any(String), notify_unsupported: expect.stringContaining("poll or wait") });
  }
  expect(fake.interests.size).toBe(0);
});

test("[T4] [P45] list shows what belongs to the task or the session; of others only how many run", async () => {
  const { fake, start } = open();
  await start();
  const other = createTools({ registry: fake.registry, clock, transcriptReader: "o", session: "other", pollSeconds: 0 });
  expect((await other.process.run({ action: "list" })).content).toEqual({ processes: [], running_elsewhere: 1 });
  const sameSession = createTools({ registry: fake.registry, clock, transcriptReader: "o", session: "s", task: "t2", pollSeconds: 0 });
  expect((await sameSession.process.run({ action: "list" })).content).toMatchObject({ processes: [{ session_scoped: true }] });
});

test("a wait that is interrupted says so, and the process goes on", async () => {
  const { tools, start } = open();
  const id = await start();
  const { content } = await tools.process.run({ action: "wait", session_id: id }, { signal: AbortSignal.abort() });
  expect(content).toMatchObject({ status: "interrupted", note: expect.stringContaining("goes on"), state: "running" });
  const foreground = await tools.terminal.run({ command: "sleep 9" }, { signal: AbortSignal.abort() });
  expect(foreground.content).toMatchObject({ status: "running", exit_code: null, session_id: expect.any(String), reason: "interrupted" });
});

test("hand_over gives a process to another session with a sentence on what it is for; without them it is told how", async () => {
  const { fake, process, start } = open();
  const id = await start({ notify_on_complete: true });
  const done = await process({ action: "hand_over", session_id: id, to: "parent", data: "the dev server" });
  expect(done).toMatchObject({ status: "ok", session_id: id, message: expect.stringContaining("parent"), state: "running" });
  expect(fake.interests.get(id)).toMatchObject({ session: "parent", purpose: "the dev server", notify_on_complete: true });
  for (const asked of [{}, { to: "parent" }, { data: "why" }, { to: "parent", data: " " }]) {
    const answer = await process({ action: "hand_over", session_id: id, ...asked });
    expect(answer.error).toContain('"action": "hand_over"');
  }
  expect((await process({ action: "handover", session_id: id })).error).toContain("hand_over");
});

test("limits are given at the start and changed later; a timeout never lengthens them", async () => {
  const { fake, start, terminal, process } = open();
  const id = await start({ limits: { memory_mb: 64, run_seconds: 30 }, timeout: 60 });
  const limitsNow = () => fake.registry.get(id).limits;
  expect(limitsNow()).toEqual({ memory_bytes_max: 67_108_864, run_ms_max: 30_000 });
  expect(await process({ action: "update", session_id: id, limits: { pids: "20", run_seconds: 90 } })).toMatchObject({ status: "ok" });
  expect(limitsNow()).toEqual({ memory_bytes_max: 67_108_864, run_ms_max: 90_000, pids_max: 20 });
  await terminal({ command: "true", timeout: 10 });
  expect([...fake.processes.values()].at(-1)?.view.limits).toEqual({ run_ms_max: 15_000 });
});

test("what an action makes nothing of is told, but not what says nothing", async () => {
  const { process, start } = open();
  const id = await start({ stdin: "pipe" });
  expect(await process({ action: "write", session_id: id, data: "x", timeout: 5 })).toMatchObject({
    status: "ok",
    hint: "timeout: process write has no such parameter, so it was ignored.",
  });
  expect(await process({ action: "list", session_id: id })).toMatchObject({
    hint: expect.stringContaining("session_id: process list has no"),
  });
  const everything = { session_ids: [], data: "", timeout: 0, offset: 0, notify_on_complete: false, limits: {} };
  expect(await process({ action: "log", session_id: id, ...everything })).not.toHaveProperty("hint");
});

test("[compat 19] lines are paged from either end, whatever names it; where there is no line to count from, that is told", async () => {
  const { process, start, fake } = open();
  const id = await start();
  const asked: unknown[] = [];
  const { read } = fake.registry;
  fake.registry.read = (of, options = {}) => {
    asked.push({ lines: options.lines, view: options.view, since: options.since });
    return read(of, options);
  };
  const log = (input: object) => process({ action: "log", session_id: id, ...input });
  for (const input of [{ view: "head" }, { since: "start" }, { view: "head", since: "start" }]) await log({ ...input, limit: 3 });
  expect(asked.splice(0)).toEqual(Array(3).fill({ lines: { offset: 0, limit: 3 }, view: "head", since: undefined }));
  await log({ view: "tail", offset: 7 });
  expect(asked.splice(0)).toEqual([{ lines: { offset: 7, limit: 200 }, view: undefined, since: undefined }]);
  expect(await log({ since: "4", limit: 3 })).toMatchObject({ hint: expect.stringContaining("limit and offset count lines") });
  expect(asked.splice(0)).toEqual([{ lines: undefined, view: undefined, since: 4 }]);
});

test("[peer 34] what a refusal quotes has its secrets masked", async () => {
  const { terminal, process } = open();
  const [planted] = plantedSecrets();
  const secret = planted?.secret ?? "";
  const answers = [
    await terminal({ command: "true", lifetime: secret }),
    await terminal({ command: "true", [secret]: 1 }),
    await process({ action: secret }),
    await process({ action: "poll", session_id: secret }),
  ];
  expect(JSON.stringify(answers)).toContain(`${secret.slice(0, 6)}...`);
  expect(JSON.stringify(answers)).not.toContain(secret.slice(6, -4));
});
