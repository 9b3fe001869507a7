import { createHash } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type ProcessId, processPaths } from "../../src/contract/index.ts";
import { until } from "../setup/waiting.ts";
import { type Home, makeHome, numberedLines, programs } from "./home.ts";

function diskBytes(home: Home, id: ProcessId): number {
  const folder = processPaths(home.home, id).output;
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

test("[P1] yes for ten seconds stays inside its limit, and the dropped range is told exactly", async () => {
  const home = makeHome();
  const tailMax = 1_048_576;
  const { id } = await home.start("timeout 10 yes", { limits: { output_bytes_max: tailMax } });
  const view = await home.ended(id);
  const kept = diskBytes(home, id);
  const end = view.exit?.output_end as number;
  expect(end).toBeGreaterThan(100_000_000);
  // Head, tail, and the one segment that is being written.
  expect(kept).toBeLessThanOrEqual(262_144 + tailMax + 65_536);
  expect(view.output).toEqual({ end, kept_bytes: kept, dropped_bytes: end - kept });
  const all = home.registry.read(id, { since: "start", maxBytes: 1_048_576 });
  expect(all.gaps).toHaveLength(1);
  const gap = all.gaps[0] as { from: number; to: number };
  expect(gap.from).toBe(262_144);
  expect(gap.to - gap.from).toBe(end - kept);
  // Offsets stay addresses: `yes` prints "y\n", so every even offset is a y.
  const tail = home.registry.read(id, { since: end - 10, maxBytes: 10, raw: true });
  expect(tail.text).toBe("y\ny\ny\ny\ny\n");
});

test("[peer 14] pause keeps the child waiting and loses nothing; kill ends it with the limit as cause", async () => {
  const home = makeHome();
  const limits = { output_bytes_max: 65_536 };
  const paused = await home.start("yes", { limits: { ...limits, on_output_limit: "pause" } });
  const killed = await home.start("yes", { limits: { ...limits, on_output_limit: "kill" } });
  const ended = await home.ended(killed.id);
  expect(ended.exit).toMatchObject({ cause: "limit", termination_source: "limit:output" });
  await until("it is paused", () => home.registry.get(paused.id).paused);
  const kept = diskBytes(home, paused.id);
  expect(home.registry.get(paused.id).output.dropped_bytes).toBe(0);
  expect(kept).toBeLessThan(2_000_000);
  expect((await home.registry.kill(paused.id)).verdict).toBe("killed");
});

test.each([
  ["echo to /dev/stderr", "echo one; echo two > /dev/stderr; echo three", "one\ntwo\nthree\n"],
  ["tee /dev/stdout", "echo a | tee /dev/stdout; echo b", "a\na\nb\n"],
  ["redirecting to /proc/self/fd/1", "echo x; echo y > /proc/self/fd/1; echo z", "x\ny\nz\n"],
])("%s loses nothing", async (_what, command, expected) => {
  const home = makeHome();
  const { id } = await home.start(command);
  await home.ended(id);
  expect(home.bytes(id).toString()).toBe(expected);
});

test("[P15] [P33] [compat 13] [peer 10] a grandchild that keeps the pipe open does not delay the end; its later output is kept, behind the end", async () => {
  const home = makeHome();
  const { id } = await home.start("(sleep 2; echo late; sleep 60) & echo early; exit 4");
  const started = performance.now();
  const view = await home.ended(id, 20_000);
  // The minute of the grandchild is the point; two seconds is the longest a drain may take.
  expect(performance.now() - started).toBeLessThan(15_000);
  expect(view.exit).toMatchObject({ code: 4, cause: "exited", output_end: 6 });
  await until("the late line is kept", () => home.bytes(id).toString() === "early\nlate\n");
  expect(home.registry.get(id).exit?.output_end).toBe(6);
  expect((await home.registry.kill(id)).verdict).toBe("killed");
});

test("[peer 10] a process that closes its output is not ended by that", async () => {
  const home = makeHome();
  const { id } = await home.start("echo before; exec >&- 2>&-; sleep 1; exit 9");
  const view = await home.ended(id);
  expect(view.exit).toMatchObject({ code: 9, cause: "exited" });
  expect(home.bytes(id).toString()).toBe("before\n");
});

test("[P29] [peer 13] 64 processes print at once: each folder has its own bytes, and a slow follower delays nobody", async () => {
  const home = makeHome();
  const count = 64;
  const ids: ProcessId[] = [];
  const command = (n: number) => `i=0; while [ $i -lt 2000 ]; do echo "process ${n} line $i"; i=$((i+1)); done; exit ${n}`;
  const flood = await home.start("yes | head -c 30000000");
  const slow = home.registry.follow(flood.id, { since: 0 })[Symbol.asyncIterator]();
  await slow.next();
  for (let n = 0; n < count; n += 1) ids.push((await home.start(command(n))).id);
  for (const [n, id] of ids.entries()) {
    const view = await home.ended(id);
    expect(view.exit).toMatchObject({ code: n, cause: "exited" });
    const expected = Array.from({ length: 2000 }, (_, i) => `process ${n} line ${i}\n`).join("");
    expect(home.bytes(id).toString()).toBe(expected);
  }
  expect((await home.ended(flood.id)).exit?.output_end).toBe(30_000_000);
  await slow.return?.();
});

test("[P8] [defect 6.1.5] [peer 9] ten MiB without a newline, all byte values, and characters split at every place come back identical", async () => {
  const home = makeHome();
  const long = await home.start("head -c 10485760 /dev/zero | tr '\\0' x");
  const binary = await home.start([
    nodeProcess.execPath,
    "-e",
    "process.stdout.write(Buffer.from(Array.from({length: 65536}, (_, i) => i & 255)))",
  ]);
  const text = "aé漢🙂\u200d👩‍👩‍👧 — ";
  const script = join(home.home, "split.mjs");
  writeFileSync(
    script,
    `import { writeSync } from "node:fs"; const b = Buffer.from(${JSON.stringify(text)});
     for (let at = 0; at <= b.length; at += 1) { for (const part of [b.subarray(0, at), b.subarray(at)]) { if (part.length) writeSync(1, part); await new Promise((r) => setTimeout(r, 1)); } }`,
  );
  const split = await home.start([nodeProcess.execPath, script]);
  await home.ended(long.id);
  expect(home.bytes(long.id).equals(Buffer.alloc(10_485_760, "x"))).toBe(true);
  await home.ended(binary.id);
  expect(home.bytes(binary.id).equals(Buffer.from(Array.from({ length: 65_536 }, (_, i) => i & 255)))).toBe(true);
  // Read in deltas while it runs: never half a character.
  let seen = "";
  let at = 0;
  for await (const chunk of home.registry.follow(split.id, { since: 0 })) {
    if (chunk.kind !== "bytes") continue;
    const read = home.registry.read(split.id, { since: at, view: "delta", raw: true });
    seen += read.text;
    at = read.to;
  }
  seen += home.registry.read(split.id, { since: at, view: "delta", raw: true }).text;
  const whole = text.repeat(Buffer.byteLength(text) + 1);
  expect(home.bytes(split.id).toString()).toBe(whole);
  expect(seen).toBe(whole);
});

test("follow yields every byte once, in order, while the process prints and after its end", async () => {
  const home = makeHome();
  const { id } = await home.start([nodeProcess.execPath, join(programs, "numbers.mjs"), "20000", "1", "0"]);
  const hash = createHash("sha256");
  let next = 0;
  for await (const chunk of home.registry.follow(id, { since: 0 })) {
    if (chunk.kind !== "bytes") throw new Error("a gap");
    expect(chunk.offset).toBe(next);
    next += chunk.bytes.length;
    hash.update(chunk.bytes);
  }
  expect(hash.digest("hex")).toBe(createHash("sha256").update(numberedLines(20_000)).digest("hex"));
});
