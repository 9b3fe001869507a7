import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { until } from "../setup/waiting.ts";
import { makeHome, runHerma } from "./home.ts";

const node = (program: string): string[] => [nodeProcess.execPath, "-e", program];
/** Listens after it has printed its port; `status` is what it answers. */
const server = (status = 200): string =>
  `const s=require("http").createServer((q,r)=>{r.statusCode=${status};r.end("ok")});
   s.listen(0,"127.0.0.1",()=>console.log("port "+s.address().port))`;

async function portOf(home: ReturnType<typeof makeHome>, id: string): Promise<number> {
  const { reason, processes } = await home.registry.wait({ ids: [id], until: { match: "^port \\d+$", re2: true }, deadlineSeconds: 30 });
  expect(reason).toBe("match");
  return Number(processes[0]?.match?.line.slice(5));
}

test("a port counts when the process, or a child of it, listens there, and not when somebody else does", async () => {
  const home = makeHome();
  const { id: other } = await home.start(node(server()));
  const port = await portOf(home, other);
  const { id: idle } = await home.start("sleep 300");
  const foreign = await home.registry.wait({ ids: [idle], until: { port }, deadlineSeconds: 0.5 });
  expect(foreign).toMatchObject({ reason: "deadline", processes: [{ met: false }] });
  expect(await home.registry.wait({ ids: [other], until: { port }, deadlineSeconds: 30 })).toMatchObject({ reason: "port" });
  // A server behind two shells and a session of its own.
  const { id: deep } = await home.start(`bash -c 'setsid ${nodeProcess.execPath} -e "${server().replaceAll('"', '\\"')}" & wait'`);
  const deepPort = await portOf(home, deep);
  expect(await home.registry.wait({ ids: [deep], until: { port: deepPort }, deadlineSeconds: 30 })).toMatchObject({ reason: "port" });
  for (const status of [null, 204]) {
    const until = { http: `http://127.0.0.1:${port}/`, ...(status === null ? {} : { status }) };
    const waited = await home.registry.wait({ ids: [other], until, deadlineSeconds: status === null ? 30 : 0.4 });
    expect(waited.reason).toBe(status === null ? "http" : "deadline");
  }
});

test("an answer behind a write is waited for from the write's offset on", async () => {
  const home = makeHome();
  const { id } = await home.start("while read x; do echo got $x; done", { stdin: "pipe" });
  await home.registry.write(id, { data: "one\n" });
  await home.registry.wait({ ids: [id], until: { match: "got" }, deadlineSeconds: 30 });
  const { offset } = await home.registry.write(id, { data: "two\n" });
  const { reason, processes } = await home.registry.wait({ ids: [id], until: { match: "got" }, after: offset, deadlineSeconds: 30 });
  expect(reason).toBe("match");
  expect(processes[0]?.match).toEqual({ line: "got two", offset });
});

test("a line wakes its wait within moments of being written", async () => {
  const home = makeHome();
  const { id } = await home.start(node(`setInterval(()=>console.log("at "+Date.now()+" "),100)`));
  const latenciesMs: number[] = [];
  let after = 0;
  for (let turn = 0; turn < 15; turn += 1) {
    const { processes } = await home.registry.wait({ ids: [id], until: { match: "at \\d+ ", re2: true }, after, deadlineSeconds: 30 });
    const { line, offset } = processes[0]?.match ?? { line: "at nothing", offset: after };
    latenciesMs.push(Date.now() - Number(line.slice(3)));
    after = offset + line.length + 1;
  }
  latenciesMs.sort((a, b) => a - b);
  // What it takes stands in bench/RESULTS.md. Here only a bound that no poll would meet.
  expect(latenciesMs[7]).toBeLessThan(400);
});

test("the command line: wait --for, logs --search and --screen", async () => {
  const home = makeHome();
  const { id } = await home.start("echo booting; echo ready in 3 ms; sleep 300", { name: "dev" });
  const matched = await runHerma(home.home, ["wait", "dev", "--for", "match:ready", "--timeout", "30s"]);
  expect(matched).toMatchObject({ code: 0, stdout: `${id} printed: ready in 3 ms\n`, stderr: "" });
  const late = await runHerma(home.home, ["wait", "dev", "--for", "port:1", "--timeout", "300ms"]);
  expect(late.code).toBe(124);
  const found = await runHerma(home.home, ["logs", "dev", "--search", "ready in \\d", "--re2", "-C", "1"]);
  expect(found).toMatchObject({ code: 0, stdout: "1-booting\n2:ready in 3 ms\n" });
  expect(await runHerma(home.home, ["logs", "dev", "--search", "absent"])).toMatchObject({ code: 1, stdout: "" });
  await home.registry.kill(id);
  const ended = await runHerma(home.home, ["wait", id, "--for", "match:never"]);
  expect(ended.code).toBe(5);
  expect(ended.stderr).toContain("before that");
  const painted = await home.start("printf '\\033[?1049h\\033[2J\\033[3;4Hhere'; sleep 300", { tty: { rows: 8, cols: 30 } });
  await until("it has painted", () => home.registry.read(painted.id, { view: "screen" }).text.includes("here"));
  expect(await runHerma(home.home, ["logs", painted.id, "--screen"])).toMatchObject({ code: 0, stdout: "\n\n   here\n" });
});
