import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type ExitFile,
  HermaError,
  type KeeperEvent,
  type KeeperFile,
  type KeeperHello,
  keeperPaths,
  type ProcessId,
  processPaths,
  type StateFile,
  timestampOf,
} from "../../contract/index.ts";
import { segmentName } from "../../rules/index.ts";
import type { System } from "../../system/index.ts";
import { ownGeneration } from "../link/keepers.ts";
import { exitOf, stateOf } from "./records.ts";

export type Asked = { readonly path: string; readonly body: Record<string, unknown> };
/** What a played keeper does with a request: an answer, `reset` cuts the connection, `never` leaves it waiting. */
export type Play = { readonly status: number; readonly body: unknown } | "reset" | "never";

/** A keeper that a test plays: real lock, real files, real socket, no processes. */
export type FakeKeeper = {
  readonly generation: string;
  readonly asked: Asked[];
  hello(): KeeperHello;
  /** How many event streams were refused. */
  readonly refused: number;
  /** How many event streams are open. */
  readonly listeners: number;
  /** Replaces the answer to a path (matched by its end). Called for each request. */
  play(pathEnd: string, answer: (asked: Asked, times: number) => Play | Promise<Play>): void;
  /** Puts a running process of this keeper into the home. */
  holds(id: ProcessId, more?: Partial<StateFile>): void;
  print(id: ProcessId, at: number, bytes: string | Uint8Array): void;
  ends(id: ProcessId, exit?: Partial<ExitFile>): void;
  ring(event: KeeperEvent): void;
  /** Cuts all event streams. With `true` new ones are refused, with `mute` they get no answer, until it is called with `false`. */
  deaf(refuse: boolean | "mute"): void;
  /** As SIGKILL would: no answers, no lock; the files stay. */
  die(): Promise<void>;
};

export async function fakeKeeper(system: System, home: string, generation: string = ownGeneration): Promise<FakeKeeper> {
  const paths = keeperPaths(home, generation);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const lock = system.locks.tryTake(paths.lock);
  if (lock === null) throw new Error("the lock is held");
  const instance = Buffer.from(system.random(4)).toString("hex");
  // Whoever looks at pid and lock must see one that can die.
  const body = spawn("sleep", ["1000"], { stdio: "ignore" });
  const buried = new Promise<void>((resolve) => body.once("exit", () => resolve()));
  const identity = system.processes.identityOf(body.pid as number);
  if (identity === null) throw new Error("the played keeper has no pid");
  const keeper = { generation, instance_id: instance, identity };
  const plays = new Map<string, (asked: Asked, times: number) => Play | Promise<Play>>();
  const times = new Map<string, number>();
  const streams = new Set<ServerResponse>();
  const asked: Asked[] = [];
  let refused = 0;
  let refusing: boolean | "mute" = false;

  const hello = (): KeeperHello => ({
    protocol: 1,
    version: "0.0.0",
    generation,
    instance_id: instance,
    identity,
    home,
    started_at: timestampOf(system.clock.wallMs()),
    restart_survival: "detached",
    held: 0,
    leaving: false,
  });

  const answer = async (one: Asked): Promise<Play> => {
    for (const [end, play] of plays) {
      if (!one.path.endsWith(end)) continue;
      const count = (times.get(end) ?? 0) + 1;
      times.set(end, count);
      return await play(one, count);
    }
    if (one.path === "/v1/hello") return { status: 200, body: hello() };
    if (one.path === "/v1/adopt") return { status: 200, body: { adopted: 0 } };
    if (one.path === "/v1/processes") {
      const id = one.body.id as ProcessId;
      fake.holds(id);
      return { status: 201, body: { state: stateOf(id, { keeper, identity }), exit: null, output_end: 0 } };
    }
    return { status: 404, body: new HermaError("PROCESS_NOT_FOUND", `${one.path} is not played`).toBody() };
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const path = request.url ?? "";
      if (path === "/v1/events") {
        if (refusing === "mute") return;
        if (refusing) {
          refused += 1;
          request.socket.destroy();
          return;
        }
        response.writeHead(200, { "content-type": "text/event-stream" });
        streams.add(response);
        response.on("close", () => streams.delete(response));
        response.write(`event: hello\ndata: ${JSON.stringify({ instance_id: instance })}\n\n`);
        return;
      }
      const text = Buffer.concat(chunks).toString();
      const one: Asked = { path, body: text === "" ? {} : JSON.parse(text) };
      asked.push(one);
      const play = await answer(one);
      if (play === "never") return;
      if (play === "reset") return void request.socket.destroy();
      response.writeHead(play.status, { "content-type": "application/json" });
      response.end(typeof play.body === "string" ? play.body : JSON.stringify(play.body));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(paths.socket, resolve);
  });
  const file: KeeperFile = {
    format: 1,
    generation,
    instance_id: instance,
    protocol: 1,
    version: "0.0.0",
    identity,
    socket: paths.socket,
    started_at: timestampOf(system.clock.wallMs()),
    restart_survival: "detached",
  };
  writeFileSync(paths.file, JSON.stringify(file));
  lock.writeBody(JSON.stringify(identity));

  let dead: Promise<void> | null = null;
  const fake: FakeKeeper = {
    generation,
    asked,
    hello,
    get refused() {
      return refused;
    },
    get listeners() {
      return streams.size;
    },
    play: (end, play) => void plays.set(end, play),
    holds(id, more = {}) {
      const state = stateOf(id, { keeper, identity, ...more });
      mkdirSync(processPaths(home, id).output, { recursive: true });
      system.files.replace(processPaths(home, id).state, JSON.stringify(state), { durable: false });
      fake.ring({ type: "state", id, phase: state.phase, seq: state.seq });
    },
    print(id, at, bytes) {
      appendFileSync(join(processPaths(home, id).output, segmentName(at)), bytes);
      fake.ring({ type: "output", id, end: at + bytes.length });
    },
    ends(id, exit = {}) {
      system.files.replace(processPaths(home, id).exit, JSON.stringify(exitOf(id, exit)), { durable: false });
      fake.ring({ type: "exit", id });
    },
    ring({ type, ...data }) {
      for (const stream of streams) stream.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    deaf(refuse) {
      refusing = refuse;
      for (const stream of streams) stream.destroy();
    },
    die() {
      dead ??= new Promise<void>((resolve) => {
        lock.release();
        body.kill("SIGKILL");
        server.close(() => void buried.then(resolve));
        server.closeAllConnections();
      });
      return dead;
    },
  };
  onTestFinished(() => fake.die());
  return fake;
}
