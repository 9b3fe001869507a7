import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { deadline, until } from "../../test/setup/waiting.ts";
import { homePaths, KeeperFile, keeperPaths } from "../contract/index.ts";
import { socketPlace } from "../rules/index.ts";
import { nodeSystem, type System } from "../system/index.ts";
import { type RunningKeeper, type ServeOptions, serveKeeper } from "./serve.ts";

const generation = "v1-test";
const uid = nodeProcess.getuid?.() ?? 0;

type Wish = Partial<ServeOptions> & { readonly change?: (system: System) => System };

async function serve(home: string, wish: Wish = {}): Promise<{ running: RunningKeeper | null; log: string[] }> {
  const log: string[] = [];
  const plain = { ...nodeSystem(), processes: { ...nodeSystem().processes, becomeSubreaper: () => false } };
  const { change, ...rest } = wish;
  const running = await serveKeeper({
    // The test runner's own children are nobody's orphans.
    system: change === undefined ? plain : change(plain),
    home,
    generation,
    restartSurvival: "detached",
    place: socketPlace({ home, generation, runtimeFolder: undefined, uid }),
    uid,
    idleGraceMs: 60_000,
    log: (line) => log.push(line),
    ...rest,
  });
  onTestFinished(async () => {
    if (running !== null) await deadline(running.abandon(), 10_000, "the keeper leaves");
  });
  return { running, log };
}

type Answer = { readonly status: number | undefined; readonly text: string };

function ask(socket: string, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function listen(socket: string): Promise<{ outgoing: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, path: "/v1/events", agent: false }, (response) => resolve({ outgoing, response }));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

test("it answers, says where it is, and one more of its generation finds the lock taken", async () => {
  const home = temporaryFolder();
  const { running } = await serve(home);
  const { socket } = running!;
  expect((await ask(socket, "GET", "/v1/hello")).status).toBe(200);
  const file = KeeperFile.parse(JSON.parse(readFileSync(keeperPaths(home, generation).file, "utf8")));
  expect(file).toMatchObject({ generation, instance_id: running!.keeper.instanceId, socket });
  expect((await serve(home)).running).toBeNull();
});

test("an empty one leaves after its grace: socket and lock are free", async () => {
  const home = temporaryFolder();
  const { running, log } = await serve(home, { idleGraceMs: 20 });
  await deadline(running!.left, 10_000, "it leaves");
  expect(existsSync(running!.socket)).toBe(false);
  expect(log.at(-1)).toBe("left");
  expect((await serve(home)).running).not.toBeNull();
});

test("with an idle grace of 0 it comes up and leaves", async () => {
  const { running } = await serve(temporaryFolder(), { idleGraceMs: 0 });
  await deadline(running!.left, 10_000, "it leaves");
});

test("each request begins the grace anew", async () => {
  const { running } = await serve(temporaryFolder(), { idleGraceMs: 400 });
  const start = performance.now();
  let left = false;
  running!.left.then(
    () => {
      left = true;
    },
    () => {},
  );
  while (performance.now() - start < 1000) {
    expect((await ask(running!.socket, "GET", "/v1/hello")).status).toBe(200);
    expect(left).toBe(false);
  }
  await deadline(running!.left, 10_000, "it leaves");
});

test("a hang-up is answered before its connection closes, and listeners hear the end", async () => {
  const { running } = await serve(temporaryFolder());
  const { response } = await listen(running!.socket);
  let heard = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    heard += chunk;
  });
  const closed = new Promise<void>((resolve) => response.on("close", () => resolve()));
  await until("the listener hears it", () => heard.includes("event: hello"));
  expect(await ask(running!.socket, "POST", "/hangup")).toEqual({ status: 200, text: '{"status":"left"}' });
  await deadline(running!.left, 10_000, "it leaves");
  await deadline(closed, 10_000, "the stream ends");
  await expect(ask(running!.socket, "GET", "/v1/hello")).rejects.toMatchObject({ code: "ENOENT" });
});

test("a listener that never reads delays nobody and is cut off in the end; one that goes away is forgotten", async () => {
  const { running } = await serve(temporaryFolder());
  const { keeper, socket } = running!;
  const gone = await listen(socket);
  await until("it listens", () => keeper.doorbell.listeners === 1);
  gone.outgoing.destroy();
  await until("it is forgotten", () => keeper.doorbell.listeners === 0);

  const dead = await listen(socket);
  dead.response.on("error", () => {});
  dead.response.pause();
  const closed = new Promise<void>((resolve) => dead.response.on("close", () => resolve()));
  let seq = 0;
  await until("it is cut off", async () => {
    for (let burst = 0; burst < 5000; burst += 1) {
      seq += 1;
      keeper.doorbell.tell({ type: "state", id: "proc_0000000000aa", phase: "running", seq });
    }
    expect((await ask(socket, "GET", "/v1/hello")).status).toBe(200);
    return keeper.doorbell.listeners === 0;
  });
  dead.response.resume();
  await deadline(closed, 10_000, "its connection is closed");
});

test("a dead keeper's socket and files are no obstacle", async () => {
  const home = temporaryFolder();
  const { running } = await serve(home);
  const { socket } = running!;
  await running!.abandon();
  const server = (await import("node:net")).createServer();
  // A server that is gone leaves its socket file where it was not closed in order.
  await new Promise<void>((resolve) => server.listen(join(home, "other"), () => resolve()));
  (await import("node:fs")).renameSync(join(home, "other"), socket);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  writeFileSync(keeperPaths(home, generation).file, "noise");
  const next = await serve(home);
  expect(next.running).not.toBeNull();
  expect((await ask(next.running!.socket, "GET", "/v1/hello")).status).toBe(200);
});

test("a folder that others may enter is refused, and the lock is free again", async () => {
  const home = temporaryFolder();
  const open = temporaryFolder();
  chmodSync(open, 0o755);
  await expect(serve(home, { place: { folder: open, path: join(open, "sock") } })).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
  expect((await serve(home)).running).not.toBeNull();
});

test("a socket that cannot be made is a fault with its reason, and the lock is free again", async () => {
  const home = temporaryFolder();
  const folder = temporaryFolder();
  writeFileSync(join(folder, "sock"), "a file stands in its place");
  await expect(serve(home, { place: { folder, path: join(folder, "sock") } })).rejects.toMatchObject({ code: "IO" });
  expect((await serve(home)).running).not.toBeNull();
});

test("a full disk keeps no keeper from coming up: what it would write about itself is missing, and it answers", async () => {
  const home = temporaryFolder();
  const { running, log } = await serve(home, {
    change: (system) => ({
      ...system,
      files: {
        ...system.files,
        replace: () => {
          throw new Error("ENOSPC");
        },
      },
    }),
  });
  expect((await ask(running!.socket, "GET", "/v1/hello")).status).toBe(200);
  expect(log).toContain("ENOSPC");
});

test("its socket's file is removed: it listens there again, what is connected goes on, and it still leaves in order", async () => {
  const { running, log } = await serve(temporaryFolder());
  const { socket, keeper } = running!;
  const mode = () => statSync(socket).mode & 0o777;
  expect(mode()).toBe(0o600);
  const { response } = await listen(socket);
  let heard = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    heard += chunk;
  });
  for (let round = 1; round <= 3; round += 1) {
    rmSync(socket);
    await until("it listens again", () => log.filter((line) => line.includes("listens there again")).length === round);
    expect(mode()).toBe(0o600);
    expect((await ask(socket, "GET", "/v1/hello")).status).toBe(200);
  }
  keeper.doorbell.tell({ type: "exit", id: "proc_0000000000aa" });
  await until("the old connection still hears", () => heard.includes("proc_0000000000aa"));
  expect(await ask(socket, "POST", "/hangup")).toEqual({ status: 200, text: '{"status":"left"}' });
  await deadline(running!.left, 10_000, "it leaves");
  expect(existsSync(socket)).toBe(false);
});

test("something else stands in its socket's place: that is told, and mended when it goes", async () => {
  const { running, log } = await serve(temporaryFolder());
  const { socket } = running!;
  rmSync(socket);
  mkdirSync(socket);
  await until("it says so", () => log.some((line) => line.includes("cannot listen there again")));
  rmdirSync(socket);
  await until("it listens again", () => log.some((line) => line.includes("listens there again")));
  expect((await ask(socket, "GET", "/v1/hello")).status).toBe(200);
});

test("where the folder cannot be watched, the socket is looked at now and then", async () => {
  const clock = nodeSystem().clock;
  const { running, log } = await serve(temporaryFolder(), {
    change: (system) => ({
      ...system,
      // A look that comes a hundred times sooner.
      clock: { ...clock, after: (ms, fn, options) => clock.after(ms === 5000 ? 50 : ms, fn, options) },
      files: {
        ...system.files,
        watch: () => {
          throw new Error("ENOSPC");
        },
      },
    }),
  });
  rmSync(running!.socket);
  await until("it listens again", () => log.some((line) => line.includes("listens there again")));
  expect((await ask(running!.socket, "GET", "/v1/hello")).status).toBe(200);
});

test.each(["removed", "renamed"])(
  "its whole folder is %s: it takes the new lock before anybody else, and answers at its place",
  async (how) => {
    const home = temporaryFolder();
    mkdirSync(homePaths(home).processes);
    const { running, log } = await serve(home);
    const { folder, file, lock } = keeperPaths(home, generation);
    if (how === "removed") rmSync(folder, { recursive: true });
    else renameSync(folder, `${folder}-before`);
    await until("it has taken a new lock", () => log.includes("its lock was removed; it has taken a new one"));
    await until("it answers", async () => existsSync(running!.socket) && (await ask(running!.socket, "GET", "/v1/hello")).status === 200);
    expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject({ pid: nodeProcess.pid, instance_id: running!.keeper.instanceId });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ instance_id: running!.keeper.instanceId });
    expect((await serve(home)).running).toBeNull();
    // Again: what it watches is the new folder.
    rmSync(lock);
    await until("it has taken a third", () => existsSync(lock));
    expect((await serve(home)).running).toBeNull();
  },
);

test("somebody else has the new lock: it leaves, and lets the other's socket be", async () => {
  const home = temporaryFolder();
  mkdirSync(homePaths(home).processes);
  const { running, log } = await serve(home);
  const { lock } = keeperPaths(home, generation);
  rmSync(lock);
  const other = nodeSystem().locks.tryTake(lock);
  rmSync(running!.socket);
  writeFileSync(running!.socket, "the other's");
  await deadline(running!.left, 10_000, "it leaves");
  expect(log.some((line) => line.includes("leaving to it"))).toBe(true);
  expect(readFileSync(running!.socket, "utf8")).toBe("the other's");
  other?.release();
});

test("the whole home is removed: it is not brought back", async () => {
  const home = join(temporaryFolder(), "home");
  mkdirSync(homePaths(home).processes, { recursive: true });
  const { log } = await serve(home);
  rmSync(home, { recursive: true });
  await until("it says so", () => log.some((line) => line.includes("its home was removed")));
  expect(existsSync(home)).toBe(false);
  await expect(serve(home)).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
  expect(existsSync(home)).toBe(false);
});

test("the socket could not be made, and nothing in its folder changes then: it is tried again", async () => {
  const clock = nodeSystem().clock;
  let refuse = false;
  const { running, log } = await serve(temporaryFolder(), {
    change: (system) => ({
      ...system,
      clock: { ...clock, after: (ms, fn, options) => clock.after(ms === 5000 ? 50 : ms, fn, options) },
      files: {
        ...system.files,
        setMode: (path, mode) => {
          if (refuse) throw new Error("EIO");
          system.files.setMode(path, mode);
        },
      },
    }),
  });
  refuse = true;
  rmSync(running!.socket);
  await until("it says so", () => log.some((line) => line.includes("cannot listen there again: EIO")));
  refuse = false;
  await until("it listens again", () => log.some((line) => line.includes("listens there again")));
  expect((await ask(running!.socket, "GET", "/v1/hello")).status).toBe(200);
});
