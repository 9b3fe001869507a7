import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KeeperHello, KeeperInputResult, KeeperKillResult, KeeperProcess, KeeperSignalResult, type ProcessId } from "../contract/index.ts";
import type { Script } from "../system/fake/index.ts";
import { bodyText, createKeeperApi, type KeeperApi } from "./api.ts";
import { tellEvents } from "./listening.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "./testing/fakeHome.ts";

let home: FakeHome;
let now: FakeKeeper;
let api: KeeperApi;
let hungUp = 0;
let programs = 0;

beforeEach(() => {
  home = new FakeHome();
  now = home.keeper();
  hungUp = 0;
  api = createKeeperApi({
    keeper: now.keeper,
    system: now.system,
    log: (line) => now.log.push(line),
    hungUp: () => {
      hungUp += 1;
    },
  });
});

afterEach(async () => {
  await home.wait(now.keeper.hangup());
  await home.pass(5000);
  expect(now.keeper.leaveIfEmpty()).toBe(true);
  expect(home.machine.time.waiting).toBe(0);
});

type Answer = { status: number; body: Record<string, unknown> };

async function ask(method: string, path: string, body?: unknown, deadlineMs?: number): Promise<Answer> {
  const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
  const deadline = deadlineMs === undefined ? undefined : String(deadlineMs);
  const { status, body: answered } = await home.wait(api({ method, path, deadline, text: () => Promise.resolve(text) }));
  return { status, body: answered as Record<string, unknown> };
}

async function running(script: Script = () => {}, wish: SpecWish = {}): Promise<ProcessId> {
  programs += 1;
  home.install(`program-${programs}`, script);
  const id = home.spec([`program-${programs}`], wish);
  const answer = await ask("POST", "/v1/processes", { id, variables: { PATH: "/bin" }, login_variables: false });
  expect(answer.status).toBe(201);
  KeeperProcess.parse(answer.body);
  return id;
}

test("hello says who it is", async () => {
  await running();
  const { status, body } = await ask("GET", "/v1/hello");
  expect(status).toBe(200);
  expect(KeeperHello.parse(body)).toMatchObject({ protocol: 1, generation: "v1-test", held: 1, leaving: false });
});

test("a process's life over the wire", async () => {
  const id = await running((run) => run.onInput((bytes) => run.print(bytes ?? "<end>")), { stdin: "pipe" });
  expect((await ask("GET", "/v1/processes")).body).toMatchObject({ processes: [{ state: { id, phase: "running" } }] });
  const input = await ask("POST", `/v1/processes/${id}/input`, { data: Buffer.from("hi").toString("base64"), eof: true });
  expect(KeeperInputResult.parse(input.body)).toEqual({ bytes_written: 2, offset: 0 });
  await home.pass(5);
  expect((await ask("GET", `/v1/processes/${id}`)).body).toMatchObject({ output_end: 7, state: { stdin: "closed" } });
  expect(KeeperSignalResult.parse((await ask("POST", `/v1/processes/${id}/signal`, { signal: "SIGWINCH" })).body).signalled).toHaveLength(
    1,
  );
  const killed = await ask("POST", `/v1/processes/${id}/kill`, { reason: "enough" });
  expect(KeeperKillResult.parse(killed.body)).toMatchObject({ verdict: "killed", exit: { cause: "killed", intent: { reason: "enough" } } });
  // Without a body all has its default.
  expect((await ask("POST", `/v1/processes/${id}/kill`)).body).toMatchObject({ verdict: "already_exited" });
  expect((await ask("POST", "/v1/adopt")).body).toEqual({ adopted: 0 });
});

test("what is carried out behind its caller's deadline is refused and changes nothing; before it, it is not", async () => {
  const id = await running((run) => run.onInput((bytes) => run.print(bytes ?? "<end>")), { stdin: "pipe", tty: { rows: 24, cols: 80 } });
  const now = home.client.clock.wallMs();
  const requests: [string, unknown][] = [
    [`/v1/processes/${id}/input`, { data: Buffer.from("hi").toString("base64") }],
    [`/v1/processes/${id}/resize`, { rows: 50, cols: 100 }],
    [`/v1/processes/${id}/signal`, { signal: "SIGKILL" }],
    [`/v1/processes/${id}/kill`, {}],
    ["/v1/adopt", {}],
    ["/hangup", {}],
  ];
  for (const [path, body] of requests) {
    expect(await ask("POST", path, body, now - 1)).toMatchObject({ status: 408, body: { code: "REQUEST_EXPIRED" } });
  }
  await home.pass(5000);
  expect((await ask("GET", `/v1/processes/${id}`)).body).toMatchObject({
    output_end: 0,
    state: { phase: "running", intent: null, tty: { rows: 24, cols: 80 } },
  });
  expect(hungUp).toBe(0);
  expect(await ask("POST", `/v1/processes/${id}/kill`, {}, now + 60_000)).toMatchObject({ status: 200, body: { verdict: "killed" } });
});

test("a start that comes too late is none, and its folder says so; once begun it is let be", async () => {
  const late = home.client.clock.wallMs() - 1;
  const id = home.spec(["never"]);
  const body = { id, variables: {}, login_variables: false };
  for (let times = 0; times < 2; times += 1) {
    expect(await ask("POST", "/v1/processes", body, late)).toMatchObject({ status: 408, body: { code: "REQUEST_EXPIRED" } });
    expect(home.json(id, "exit")).toMatchObject({ cause: "failed_start", started_at: null, failure: { error: "REQUEST_EXPIRED" } });
  }
  const other = await running();
  expect(await ask("POST", "/v1/processes", { ...body, id: other }, late)).toMatchObject({ status: 408 });
  expect((await ask("GET", `/v1/processes/${other}`)).body).toMatchObject({ state: { phase: "running" } });
  expect(await ask("POST", "/v1/processes", { ...body, id: "proc_0000000000ff" }, late)).toMatchObject({ status: 408 });
  expect(home.client.files.list(`${home.home}/processes`)).not.toContain("proc_0000000000ff");
});

test("a terminal is resized", async () => {
  const id = await running(() => {}, { tty: { rows: 24, cols: 80 } });
  expect(await ask("POST", `/v1/processes/${id}/resize`, { rows: 50, cols: 100 })).toEqual({ status: 200, body: {} });
  expect((await ask("GET", `/v1/processes/${id}`)).body).toMatchObject({ state: { tty: { rows: 50, cols: 100 } } });
});

test("fields of a later version are let be", async () => {
  const id = await running();
  expect((await ask("POST", `/v1/processes/${id}/signal`, { signal: "SIGWINCH", colour: "red" })).status).toBe(200);
});

test.each([
  ["no JSON", "POST", "/v1/processes", "{", 400, "BAD_REQUEST", "the body is not JSON"],
  ["not an object", "POST", "/v1/processes", "[1]", 400, "BAD_REQUEST", "body must be an object"],
  ["null", "POST", "/v1/processes", "null", 400, "BAD_REQUEST", "body must be an object"],
  ["a missing field", "POST", "/v1/processes", { id: "proc_0000000000aa" }, 400, "BAD_REQUEST", "variables is missing"],
  [
    "a bad id",
    "POST",
    "/v1/processes",
    { id: "../../etc", variables: {} },
    400,
    "BAD_REQUEST",
    'id cannot be "../../etc": a process id is',
  ],
  ["an id that is none, in a path", "GET", "/v1/processes/nonsense", undefined, 404, "PROCESS_NOT_FOUND", '"nonsense" is not a process id'],
  ["a path that would leave the home", "GET", "/v1/processes/..%2f..%2fetc", undefined, 404, "PROCESS_NOT_FOUND", "is not a process id"],
  ["an unknown id", "POST", "/v1/processes/proc_00000000dead/kill", {}, 404, "PROCESS_NOT_FOUND", "does not hold"],
  [
    "an id without a folder",
    "POST",
    "/v1/processes",
    { id: "proc_00000000dead", variables: {} },
    404,
    "PROCESS_NOT_FOUND",
    "has no spec.json",
  ],
  ["an unknown path", "GET", "/v2/hello", undefined, 404, "NOT_FOUND", "the keeper has no GET /v2/hello"],
  ["a wrong method", "DELETE", "/v1/processes", undefined, 404, "NOT_FOUND", "the keeper has no DELETE"],
] as const)("refused: %s", async (_what, method, path, body, status, code, message) => {
  const answer = await ask(method, path, body);
  expect(answer).toMatchObject({ status, body: { code, message: expect.stringContaining(message), hint: expect.any(String) } });
  expect(now.log).toEqual([]);
});

function incoming(pieces: Iterable<Buffer>, headers: Record<string, string> = {}): Parameters<typeof bodyText>[0] {
  return Object.assign(Readable.from(pieces, { objectMode: false }), { headers });
}

test("a body comes in pieces that do not end with its characters", async () => {
  const bytes = Buffer.from('{"text":"Grüße"}');
  expect(await bodyText(incoming(Array.from(bytes, (byte) => Buffer.from([byte]))))).toBe('{"text":"Grüße"}');
});

test("a body that says that it is too large is not read", async () => {
  function* unread(): Generator<Buffer> {
    yield Buffer.alloc(1);
    throw new Error("it was read");
  }
  await expect(bodyText(incoming(unread(), { "content-length": "4194305" }))).rejects.toMatchObject({
    code: "BODY_TOO_LARGE",
    message: expect.stringContaining("at most 4194304 bytes"),
  });
});

test("a body without a length is stopped as it comes, not when it is all there", async () => {
  let sent = 0;
  function* endless(): Generator<Buffer> {
    for (;;) {
      sent += 1;
      yield Buffer.alloc(1_000_000);
    }
  }
  await expect(bodyText(incoming(endless()))).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  expect(sent).toBeLessThan(10);
});

test("a body that breaks off is refused", async () => {
  const broken = incoming([]);
  broken.destroy();
  await expect(bodyText(broken)).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test.each([
  ["input", { data: "not base64!" }, 400, "BAD_REQUEST"],
  ["input", { data: "aGk=" }, 409, "STDIN_CLOSED"],
  ["resize", { rows: 0, cols: 80 }, 400, "BAD_REQUEST"],
  ["resize", { rows: 24, cols: 80 }, 409, "NO_TERMINAL"],
  ["signal", { signal: "TERM" }, 400, "BAD_REQUEST"],
  ["signal", { signal: "SIGNONSENSE" }, 400, "BAD_REQUEST"],
  ["kill", { grace_ms: -1 }, 400, "BAD_REQUEST"],
  ["kill", { source: "" }, 400, "BAD_REQUEST"],
] as const)("a running process refuses %s %j", async (verb, body, status, code) => {
  const id = await running();
  expect(await ask("POST", `/v1/processes/${id}/${verb}`, body)).toMatchObject({ status, body: { code } });
  expect(now.keeper.view(id).state).toMatchObject({ phase: "running", intent: null });
});

test.each(["input", "resize", "signal"] as const)("what is over takes no %s", async (verb) => {
  const id = await running((run) => run.exit(0));
  await home.until("it has ended", () => home.has(id, "exit"));
  await home.pass(1);
  const body = { input: {}, resize: { rows: 1, cols: 1 }, signal: { signal: "SIGTERM" } }[verb];
  expect(await ask("POST", `/v1/processes/${id}/${verb}`, body)).toMatchObject({ status: 409, body: { code: "PROCESS_ENDED" } });
});

test("a bug is answered as one, and logged with its place", async () => {
  const id = await running();
  now.keeper.view = () => {
    throw new TypeError("undefined is not a keeper");
  };
  expect(await ask("GET", `/v1/processes/${id}`)).toMatchObject({
    status: 500,
    body: { code: "INTERNAL", message: "undefined is not a keeper" },
  });
  expect(now.log.join("\n")).toContain(`GET /v1/processes/${id}: TypeError`);
});

test("a hang-up is answered when all has ended, and starts are refused from then on", async () => {
  const id = await running((run) => run.onSignal("SIGTERM", "ignore"), { grace_ms: 500 });
  expect(await ask("POST", "/hangup", { whatever: "a later version may say" })).toEqual({ status: 200, body: { status: "left" } });
  expect(hungUp).toBe(1);
  expect(home.json(id, "exit")).toMatchObject({ termination_source: "hangup" });
  const late = home.spec(["program-1"]);
  expect(await ask("POST", "/v1/processes", { id: late, variables: {} })).toMatchObject({ status: 503, body: { code: "KEEPER_LEAVING" } });
  expect((await ask("GET", "/v1/hello")).body).toMatchObject({ leaving: true });
});

// ---- events

/** A listener that takes its next piece when it is asked for. */
class Reader {
  cut = false;
  #pieces: string[] = [];
  #over = false;
  #more = Promise.withResolvers<void>();
  #heard = Promise.withResolvers<void>();
  readonly leave = tellEvents(now.keeper, {
    write: (text) => {
      this.#pieces.push(text);
      this.#heard.resolve();
      return this.#more.promise;
    },
    cutOff: () => {
      this.cut = true;
    },
    end: () => {
      this.#over = true;
      this.#heard.resolve();
    },
  });

  /** Null: no more comes. */
  async next(): Promise<string | null> {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
    await home.wait(this.#heard.promise);
    this.#heard = Promise.withResolvers();
    return this.#over ? null : this.#pieces.splice(0).join("");
  }
}

test("events: hello first, then where to look, the end behind all output", async () => {
  const reader = new Reader();
  expect(await reader.next()).toBe(`event: hello\ndata: {"instance_id":"${now.keeper.instanceId}"}\n\n`);
  const id = await running((run) => {
    run.print("abc");
    run.after(50, () => {
      run.print("de");
      run.exit(0);
    });
  });
  let told = "";
  while (!told.includes("event: exit")) told += await reader.next();
  expect(told).toContain(`event: state\ndata: {"id":"${id}","phase":"running","seq":`);
  expect(told.indexOf(`data: {"id":"${id}","end":5}`)).toBeGreaterThan(0);
  expect(told.indexOf(`data: {"id":"${id}","end":5}`)).toBeLessThan(told.indexOf(`event: exit\ndata: {"id":"${id}"}`));
  reader.leave();
  expect(now.keeper.doorbell.listeners).toBe(0);
});

test("events: one that does not read delays nobody, and nothing but the newest waits for it", async () => {
  const slow = new Reader();
  expect(await slow.next()).toContain("event: hello");
  const id = await running((run) => {
    const talk = (left: number): void => {
      run.print("x".repeat(1000));
      if (left > 0) run.after(1, () => talk(left - 1));
      else run.exit(0);
    };
    talk(500);
  });
  await home.until("it has ended", () => home.has(id, "exit"));
  const rest = (await slow.next()) ?? "";
  expect(rest.match(/event: output/g)).toHaveLength(1);
  expect(rest).toContain('"end":501000');
  slow.leave();
});

test("events: one that never reads is cut off, and its connection with it", async () => {
  const dead = new Reader();
  for (let seq = 0; seq <= 10_001; seq += 1) now.keeper.doorbell.tell({ type: "state", id: "proc_0000000000aa", phase: "running", seq });
  expect(now.keeper.doorbell.listeners).toBe(0);
  expect(dead.cut).toBe(true);
});

test("events: the stream ends when the keeper leaves", async () => {
  const reader = new Reader();
  await reader.next();
  const rest = reader.next();
  await home.wait(now.keeper.abandon());
  expect(await rest).toBeNull();
});
