import { Agent, request } from "node:http";
import { connect } from "node:net";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { deadline, until } from "../../test/setup/waiting.ts";
import { nodeSystem } from "../system/index.ts";
import { eventStream } from "./eventStream.ts";
import { FactHub } from "./factHub.ts";
import { listen } from "./listen.ts";

const { clock } = nodeSystem();
/** Long enough that a test which needs it fails by its deadline. */
const graceMs = 60_000;

async function serve(app: Hono, more: Partial<Parameters<typeof listen>[0]> = {}) {
  const listening = await listen({ app, host: "127.0.0.1", port: 0, clock, ...more });
  onTestFinished(() => listening.close(0));
  return listening;
}

function get(address: string, agent: Agent | false): { status: Promise<number>; text: Promise<string>; first: Promise<void> } {
  const status = Promise.withResolvers<number>();
  const text = Promise.withResolvers<string>();
  const first = Promise.withResolvers<void>();
  const sent = request(address, { agent }, (response) => {
    status.resolve(response.statusCode ?? 0);
    let all = "";
    response.on("data", (chunk: Buffer) => {
      all += chunk.toString();
      first.resolve();
    });
    response.on("end", () => text.resolve(all));
    response.on("error", text.reject);
  });
  sent.on("error", (error) => {
    status.reject(error);
    text.reject(error);
    first.reject(error);
  });
  for (const promise of [status.promise, text.promise, first.promise]) promise.catch(() => {});
  sent.end();
  return { status: status.promise, text: text.promise, first: first.promise };
}

test("a port that is taken, or an address that is not ours, is told by its code", async () => {
  const { served } = await serve(new Hono());
  await expect(listen({ app: new Hono(), host: "127.0.0.1", port: served.port, clock })).rejects.toMatchObject({ code: "PORT_TAKEN" });
  const elsewhere = { code: "CONFIG_INVALID", hint: expect.stringContaining("gateway.host") };
  await expect(listen({ app: new Hono(), host: "192.0.2.1", port: 0, clock })).rejects.toMatchObject(elsewhere);
});

test.each(["", "  "])("no host at all (%j) is refused: to the system it would be every address of the machine", async (host) => {
  await expect(listen({ app: new Hono(), host, port: 0, clock })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("the end waits for answers under way, not for idle connections or for listeners of events", async () => {
  const stopping = new AbortController();
  const release = Promise.withResolvers<void>();
  const app = new Hono();
  app.get("/quick", (c) => c.text("quick"));
  app.get("/slow", async (c) => {
    await release.promise;
    return c.text("slow");
  });
  app.get("/events", () => eventStream({ hub: new FactHub(0), clock, stopping: stopping.signal, lastEventId: undefined, hello: {} }));
  const listening = await serve(app);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  expect(await get(`${listening.address}/quick`, agent).text).toBe("quick");
  const events = get(`${listening.address}/events`, agent);
  await events.first;
  const slow = get(`${listening.address}/slow`, agent);
  const silent = connect(listening.served.port, "127.0.0.1");
  onTestFinished(() => {
    silent.destroy();
  });
  silent.on("error", () => {});
  await new Promise((done) => silent.once("connect", done));
  await until("the slow request is there", async () => (await get(`${listening.address}/quick`, false).text) === "quick");
  stopping.abort();
  let closed = false;
  const closing = listening.close(graceMs).then(() => {
    closed = true;
  });
  expect(await events.text).toContain("event: goodbye");
  await expect(get(`${listening.address}/quick`, false).status).rejects.toThrow();
  expect(closed).toBe(false);
  release.resolve();
  expect(await slow.text).toBe("slow");
  await deadline(closing, 10_000, "the end");
});

test("answers that take longer than the grace are cut", async () => {
  const app = new Hono();
  const asked = Promise.withResolvers<void>();
  app.get("/never", () => {
    asked.resolve();
    return new Promise<Response>(() => {});
  });
  const listening = await serve(app);
  const never = get(`${listening.address}/never`, false);
  await asked.promise;
  await deadline(listening.close(10), 10_000, "the end");
  await expect(never.status).rejects.toThrow();
});

test("a client that stops reading is sent away while the others hear on", async () => {
  const hub = new FactHub(0);
  const app = new Hono();
  const stopping = new AbortController();
  app.get("/events", () => eventStream({ hub, clock, stopping: stopping.signal, lastEventId: undefined, hello: {} }));
  const listening = await serve(app);
  const lazy = connect(listening.served.port, "127.0.0.1");
  onTestFinished(() => {
    lazy.destroy();
  });
  lazy.on("error", () => {});
  lazy.pause();
  lazy.write("GET /events HTTP/1.1\r\nhost: x\r\n\r\n");
  const eager = get(`${listening.address}/events`, false);
  await eager.first;
  // Kernel buffers take some megabytes before anything waits for the lazy one.
  let end = 0;
  const send = () => {
    for (let fact = 0; fact < 500; fact += 1) hub.publish({ type: "process.output", id: `proc_${"0".repeat(12)}`, end: ++end });
  };
  await until("only one hears", () => {
    send();
    return hub.listenerCount === 1;
  });
  stopping.abort();
  expect(await eager.text).toContain('"reason":"stopping"');
});

/** Connections that are open and ask nothing. `closed` tells how many of them the server has closed. */
async function holdOpen(port: number, count: number): Promise<{ closed: () => number }> {
  let closed = 0;
  for (let left = count; left > 0; left -= 100) {
    // No more at once than the kernel holds for a server that is busy.
    await Promise.all(
      Array.from({ length: Math.min(left, 100) }, () => {
        const socket = connect(port, "127.0.0.1");
        onTestFinished(() => void socket.destroy());
        socket.on("error", () => {});
        socket.on("close", () => {
          closed += 1;
        });
        socket.resume();
        return new Promise((done) => socket.once("connect", done));
      }),
    );
  }
  return { closed: () => closed };
}

test("more than a thousand idle connections shut nobody out", async () => {
  const app = new Hono();
  app.get("/", (c) => c.text("here"));
  const { served, address } = await serve(app);
  const idle = await holdOpen(served.port, 1400);
  const ask = async (): Promise<string | null> => await get(address, false).text.catch(() => null);
  // Of so many at one moment some are refused, and whoever is may try again.
  expect(await until("an answer", ask)).toBe("here");
  await until("those that have been idle for longest had to go", async () => (await ask()) !== null && idle.closed() >= 376);
  for (let asks = 0; asks < 20; asks += 1) expect(await ask()).toBe("here");
});

test("at the limit the connection that was idle for longest goes, never one with an answer under way", async () => {
  const app = new Hono();
  const release = Promise.withResolvers<void>();
  let waiting = 0;
  app.get("/slow", async (c) => {
    waiting += 1;
    await release.promise;
    return c.text("slow");
  });
  app.get("/", (c) => c.text("quick"));
  let refused = 0;
  const onRefused = (): void => {
    refused += 1;
  };
  const { served, address } = await serve(app, { connectionsMax: 4, onRefused });
  const slow = [1, 2, 3].map(() => get(`${address}/slow`, false));
  await until("they are under way", () => waiting === 3);
  const idle = [await holdOpen(served.port, 1), await holdOpen(served.port, 1)];
  // Whoever comes is let in, and what has been idle for a moment goes, the older one first.
  const gone: number[] = [];
  await until("both have gone", async () => {
    expect(await get(address, false).text).toBe("quick");
    for (const [index, one] of idle.entries()) if (one.closed() === 1 && !gone.includes(index)) gone.push(index);
    return gone.length === 2;
  });
  expect(gone).toEqual([0, 1]);
  // All are in use now: what comes is let in up to the spare ones, then refused.
  const many = Array.from({ length: 260 }, () => get(`${address}/slow`, false));
  await until("the spare ones are in use", () => waiting === 260 && refused > 0);
  release.resolve();
  for (const one of slow) expect(await one.text).toBe("slow");
  const answers = await Promise.allSettled(many.map((one) => one.text));
  const letIn = answers.filter((answer) => answer.status === "fulfilled").length;
  // The last of them may have come when the first were answered already.
  expect(letIn).toBeGreaterThanOrEqual(257);
  expect(letIn + refused).toBe(260);
});

test("[compat 24] once a new gateway has the socket, answers end their connections; whoever connects or asks meanwhile is answered, there or here", async () => {
  const system = nodeSystem();
  const place = `${temporaryFolder()}/place`;
  const expected = system.descriptors.expect(place);
  if (expected === null) return;
  onTestFinished(() => expected.close());
  const release = Promise.withResolvers<void>();
  const app = new Hono();
  app.get("/quick", (c) => c.text("old"));
  app.get("/slow", async (c) => {
    await release.promise;
    return c.text("slow");
  });
  const old = await listen({ app, host: "127.0.0.1", port: 0, clock, descriptors: system.descriptors });
  onTestFinished(() => old.close(0));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  expect(await get(`${old.address}/quick`, agent).text).toBe("old");
  const slow = get(`${old.address}/slow`, false);
  const unused = connect(old.port!, "127.0.0.1");
  await new Promise((done) => unused.once("connect", done));
  expect(await get(`${old.address}/quick`, false).text).toBe("old");
  expect(old.pass?.(place)).toBe(true);
  const fd = expected.take();
  expect(fd).not.toBeNull();
  // The idle one is used again, and ends with its answer; so does the one that was opened before and asks only now.
  let calm = false;
  const leaving = old.leave?.().then(() => {
    calm = true;
  });
  expect(await get(`${old.address}/quick`, agent).text).toBe("old");
  expect(calm).toBe(false);
  let said = "";
  unused.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise((done) => unused.once("close", done));
  unused.write("GET /quick HTTP/1.1\r\nhost: x\r\n\r\n");
  await deadline(ended, 10_000, "the connection ends");
  expect(said).toMatch(/connection: close/i);
  await deadline(leaving!, 10_000, "nobody holds a connection");
  const closing = old.close(graceMs);
  // Between the two: it waits in the queue of the socket, which the new one has.
  const waiting = get(`${old.address}/quick`, false);
  release.resolve();
  expect(await slow.text).toBe("slow");
  await deadline(closing, 10_000, "the old one is closed");
  const next = new Hono();
  next.get("/quick", (c) => c.text("new"));
  const handed = { take: () => fd };
  const now = await listen({ app: next, host: "127.0.0.1", port: old.port!, clock, handed });
  onTestFinished(() => now.close(0));
  expect(now.address).toBe(old.address);
  expect(await waiting.text).toBe("new");
});
