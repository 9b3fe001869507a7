import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import nodeProcess from "node:process";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer";
import { expect, test } from "vitest";
import { createTools, type Tools, type ToolsOptions } from "../../src/agents/index.ts";
import { mutatedCalls, wrongAnswer } from "../../src/agents/testing/mutatedCalls.ts";
import type { ProcessId } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { type Home, makeHome } from "./home.ts";

type Content = Record<string, unknown>;
type Opened = {
  readonly home: Home;
  readonly tools: Tools;
  terminal(input: object, signal?: AbortSignal): Promise<Content>;
  process(input: object, signal?: AbortSignal): Promise<Content>;
};

/** The tools over a real home. What a call brings counts as read at once. */
function open(more: Partial<ToolsOptions> = {}, home: Home = makeHome()): Opened {
  const tools = createTools({ registry: home.registry, clock: home.system.clock, transcriptReader: "test", ...more });
  const call = async (tool: keyof Tools, input: object, signal?: AbortSignal): Promise<Content> => {
    const result = await deadline(tools[tool].run(input, signal === undefined ? {} : { signal }), 60_000, JSON.stringify(input));
    result.acknowledge();
    return result.content as Content;
  };
  return {
    home,
    tools,
    terminal: (input, signal) => call("terminal", input, signal),
    process: (input, signal) => call("process", input, signal),
  };
}

test("a search of long output says how far it has come, and goes on from there", async () => {
  const { terminal, process } = open();
  const bytes = 34_000_000;
  const { session_id } = await terminal({ command: `yes | head -c ${bytes}; echo needle; sleep 600`, background: true });
  await process({ action: "wait", session_id, until: "match:needle", timeout: 60 });
  let searched = await process({ action: "search", session_id, pattern: "needle" });
  // Nothing was found, and that is not the whole truth.
  expect(searched).toMatchObject({
    matches: [],
    output_range: { from: 0, more: true },
    hint: expect.stringContaining("go on with since="),
  });
  for (let calls = 0; searched.matches_total === 0 && calls < 100; calls += 1)
    searched = await process({ action: "search", session_id, pattern: "needle", since: searched.cursor });
  expect(searched).toMatchObject({ matches: [{ offset: bytes, line: "needle" }], matches_total: 1 });
  expect(searched).not.toHaveProperty("hint");
});

test("watches take patterns as searches and waits do, and the list shows them so", async () => {
  const { terminal, process } = open({ session: "s" });
  const watch_patterns = ["re2:^a+$", "b"];
  const { session_id } = await terminal({ command: "sleep 600", background: true, watch_patterns });
  await process({ action: "update", session_id, watch_patterns: "re2:^c$" });
  expect(await process({ action: "list" })).toMatchObject({ processes: [{ watch_patterns: [...watch_patterns, "re2:^c$"] }] });
  expect(await terminal({ command: "sleep 600", background: true, watch_patterns: "re2:(" })).toMatchObject({
    error: expect.stringMatching(/is not one of RE2.*missing/),
  });
});

test("bytes that are no text hold nobody up: a wait for a line in them leaves the others their turns", async () => {
  const { terminal, process, home } = open();
  const { session_id } = await terminal({ command: "head -c 12000000 /dev/urandom; echo; echo needle; sleep 600", background: true });
  await until("it has printed", () => home.bytes(session_id as ProcessId).includes("needle"));
  const turns: number[] = [];
  let last = performance.now();
  const ticking = setInterval(() => {
    turns.push(performance.now() - last);
    last = performance.now();
  }, 1);
  try {
    expect(await process({ action: "wait", session_id, until: "re2:^need[l]e", timeout: 60 })).toMatchObject({ match: { line: "needle" } });
  } finally {
    clearInterval(ticking);
  }
  // By bytes alone it would be six turns, each of them long.
  expect(turns.length).toBeGreaterThan(8);
});

test("a command in the foreground: output and code, its own time, its own folder", async () => {
  const { terminal, process } = open();
  const workdir = temporaryFolder();
  expect(await terminal({ command: "pwd; echo oops >&2; exit 4", workdir })).toMatchObject({
    output: `${workdir}\noops\n`,
    exit_code: 4,
    error: null,
    state: "ended",
  });
  expect(await terminal({ command: "definitely-not-a-program-of-this-machine" })).toMatchObject({ exit_code: 127 });
  const late = await terminal({ command: "echo begun; sleep 600", timeout: 1 });
  expect(late).toMatchObject({
    output: "begun\n",
    exit_code: 124,
    error: "Command timed out after 1 seconds and was killed.",
    exit: { cause: "killed" },
  });
  const yielded = await terminal({ command: "echo begun; sleep 600", yield_seconds: 1 });
  expect(yielded).toMatchObject({ exit_code: null, status: "running", reason: "yield" });
  expect(await process({ action: "kill", session_id: yielded.session_id })).toMatchObject({ status: "killed", exit: { cause: "killed" } });
});

test("waits: for a line, behind a write, for quiet, for a port, for several", async () => {
  const { terminal, process } = open();
  const { session_id: id } = await terminal({
    command: "echo ready; while read line; do echo got $line; done",
    background: true,
    stdin: "pipe",
  });
  expect(await process({ action: "wait", session_id: id, until: "match:ready", timeout: 60 })).toMatchObject({
    status: "running",
    reason: "match",
    match: { line: "ready", offset: 0 },
    output: "ready\n",
  });
  expect(await process({ action: "submit", session_id: id, data: "one", then_wait: 60, until: "re2:got o.e" })).toMatchObject({
    reason: "match",
    bytes_written: 4,
    output: "got one\n",
  });
  expect(await process({ action: "submit", session_id: id, data: "two", then_wait: 60 })).toMatchObject({
    reason: "quiet",
    output: "got two\n",
  });
  expect(await process({ action: "search", session_id: id, pattern: "re2:^got" })).toMatchObject({
    matches: [
      { offset: 6, line: "got one" },
      { offset: 14, line: "got two" },
    ],
    matches_total: 2,
  });
  expect(await process({ action: "log", session_id: id, limit: 1 })).toMatchObject({
    output: "got two\n",
    total_lines: 3,
    showing: "1 lines",
  });
  expect(await process({ action: "log", session_id: id, offset: 1, limit: 1 })).toMatchObject({ output: "got one\n" });
  expect(await process({ action: "log", session_id: id, since: "6" })).toMatchObject({
    output: "got one\ngot two\n",
    output_range: { from: 6, to: 22 },
  });

  const port = await freePort();
  const server = `require("net").createServer().listen(${port}, "127.0.0.1")`;
  const { session_id: serving } = await terminal({ command: `'${nodeProcess.execPath}' -e '${server}'`, background: true, name: "server" });
  expect(await process({ action: "wait", session_id: "server", until: `port:${port}`, timeout: 60 })).toMatchObject({
    status: "running",
    reason: "port",
  });
  await process({ action: "close", session_id: id });
  const any = await process({ action: "wait", session_ids: [id, serving], mode: "any", timeout: 60 });
  expect(any).toMatchObject({
    reason: "exit",
    processes: [
      { session_id: id, status: "exited", exit_code: 0 },
      { session_id: serving, status: "running" },
    ],
  });
});

test("[P13] an answer shows what its budget of tokens allows, and says exactly which bytes it left out", async () => {
  const { terminal, process } = open();
  const { session_id: id } = await terminal({ command: "seq 1 100000; sleep 600", background: true });
  const bytes = Array.from({ length: 100_000 }, (_, index) => String(index + 1).length + 1).reduce((sum, each) => sum + each, 0);
  await process({ action: "wait", session_id: id, until: "match:100000", timeout: 60 });
  for (const [ask, key] of [
    [{ action: "log", session_id: id }, "output"],
    [{ action: "list" }, ""],
    [{ action: "log", session_id: id, view: "head", max_tokens: 100 }, "output"],
  ] as const) {
    const answer = await process(ask);
    expect(countTokens(JSON.stringify(answer)), JSON.stringify(ask)).toBeLessThan("max_tokens" in ask ? 400 : 2400);
    if (key !== "") expect(String(answer[key]).length, JSON.stringify(ask)).toBeGreaterThan(50);
  }
  const told = (await process({ action: "log", session_id: id, view: "headTail", max_tokens: 200 })) as {
    output: string;
    output_range: { from: number; to: number; omitted_bytes?: number };
  };
  expect(told.output_range.to - told.output_range.from).toBe(bytes);
  expect(told.output_range.omitted_bytes).toBeGreaterThan(bytes - 4_000);
});

test("a terminal: its screen, keys and size", async () => {
  const { terminal, process } = open();
  const { session_id: id } = await terminal({ command: "stty size; read line; stty size; read line", background: true, pty: true });
  expect(await process({ action: "wait", session_id: id, until: "match:30 120", timeout: 60 })).toMatchObject({ reason: "match" });
  await process({ action: "resize", session_id: id, data: "40x90" });
  expect(await process({ action: "keys", session_id: id, data: "enter", then_wait: 60, until: "match:40 90" })).toMatchObject({
    reason: "match",
  });
  expect(await process({ action: "log", session_id: id, view: "screen" })).toMatchObject({
    output: expect.stringMatching(/30 120[\s\S]*40 90/),
  });
  await process({ action: "keys", session_id: id, data: "ctrl-c" });
  expect(await process({ action: "wait", session_id: id, timeout: 60 })).toMatchObject({ status: "exited", exit: { signal: "SIGINT" } });
});

test("a poll waits for news by itself; what the transcript has not got comes again, also after a restart", async () => {
  const home = makeHome();
  const { terminal, process, tools } = open({ pollSeconds: 60 }, home);
  const { session_id: id } = await terminal({ command: "read line; echo got $line; read line", background: true, stdin: "pipe" });
  const polled = tools.process.run({ action: "poll", session_id: id });
  await process({ action: "submit", session_id: id, data: "it" });
  expect((await deadline(polled, 60_000, "the poll")).content).toMatchObject({ output_preview: "got it\n" });
  const later = open({ pollSeconds: 0 }, home);
  expect(await later.process({ action: "poll", session_id: id })).toMatchObject({ output_preview: "got it\n" });
  expect(Object.keys(await later.process({ action: "poll", session_id: id }))).toEqual(["session_id", "status", "cursor"]);
  const stranger = open({ pollSeconds: 0, transcriptReader: "another" }, home);
  expect(await stranger.process({ action: "poll", session_id: id })).toMatchObject({ output_preview: "got it\n" });
});

test("a session is told of an end and of lines; what it has waited for it is not told again", async () => {
  const home = makeHome();
  const { terminal, process } = open({ session: "s" }, home);
  await home.registry.watching.start();
  const watched = await terminal({ command: "echo one ERROR; sleep 600", background: true, watch_patterns: ["ERROR"] });
  const match = await until("the match is noticed", () => home.registry.notices.list({ session: "s" })[0]);
  expect(match).toMatchObject({ kind: "watch_match", process_id: watched.session_id });
  expect(await process({ action: "list" })).toMatchObject({ processes: [{ watch_patterns: ["ERROR"], watch_hit: true }] });
  const { session_id: id } = await terminal({ command: "read line", stdin: "pipe", background: true, notify_on_complete: true });
  await process({ action: "close", session_id: id });
  expect(await process({ action: "wait", session_id: id, timeout: 60 })).toMatchObject({ status: "exited", exit_code: 1 });
  const told = home.registry.notices.claim({ claimant: "test", session: "s", limit: 10, leaseMs: 60_000 });
  expect(told.map((notice) => [notice.kind, notice.process_id])).toEqual([["watch_match", watched.session_id]]);
  await home.registry.watching.stop();
});

test("an interrupted call answers at once, and its process goes on", async () => {
  const { terminal, process, home } = open();
  const stop = new AbortController();
  const running = terminal({ command: "sleep 600" }, stop.signal);
  await until("it runs", () => home.registry.list().some((view) => view.phase === "running"));
  stop.abort();
  const answered = await running;
  expect(answered).toMatchObject({ exit_code: null, reason: "interrupted", state: "running" });
  const { session_id: id } = answered as { session_id: ProcessId };
  expect(await process({ action: "wait", session_id: id }, AbortSignal.abort())).toMatchObject({ status: "interrupted" });
  expect(home.registry.get(id).exit).toBeNull();
});

test("calls gone wrong by the hundred: nothing throws or hangs, nothing outside of the home is touched", async () => {
  const beside = temporaryFolder();
  const { tools, terminal, home } = open({ pollSeconds: 0, cwd: beside });
  const references = ["dev", "nothing", "../../etc/passwd"];
  for (const input of [{ command: "cat", stdin: "pipe", name: "dev" }, { command: "sleep 600", pty: true }, { command: "true" }]) {
    references.push((await terminal({ ...input, background: true })).session_id as string);
  }
  const calls = mutatedCalls({ commands: ["true", "echo x", "exit 3"], references });
  // Each start is a process of its own; and what waits by design, waits seconds.
  const quick = calls.filter(({ input }) => !/"(timeout|then_wait|yield_seconds)":"?[1-9]|workdir/.test(JSON.stringify(input) ?? ""));
  await fc.assert(
    fc.asyncProperty(quick, async ({ tool, input }) => {
      const bounded = withBound(tool, input);
      const result = await deadline(tools[tool].run(bounded), 30_000, JSON.stringify(bounded)?.slice(0, 500) ?? "");
      result.acknowledge();
      expect(wrongAnswer(result)).toBeNull();
    }),
    { numRuns: 300 },
  );
  expect(readdirSync(beside)).toEqual([]);
  expect(statSync(home.home).mode & 0o777).toBe(0o700);
  expect(readdirSync(home.home).sort().join(" ")).toMatch(/^(herma\.db(-shm|-wal)? ?)*(keepers) (processes)$/);
  for (const id of readdirSync(join(home.home, "processes"))) expect(id).toMatch(/^(proc_[0-9a-f]{12}|\.pruned|\.cleaning)$/);
});

/** A wait that names no time would wait for its three minutes. */
function withBound(tool: keyof Tools, input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const given = input as Record<string, unknown>;
  if (tool === "process") return given.action === "wait" && !(typeof given.timeout === "number") ? { ...given, timeout: 0 } : given;
  return { ...given, yield_seconds: 0.05 };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
