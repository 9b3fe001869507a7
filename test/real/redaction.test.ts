import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { get, request } from "node:http";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { createTools } from "../../src/agents/index.ts";
import { HermaError, processPaths, SpecFile } from "../../src/contract/index.ts";
import { harmlessTexts, type PlantedSecret, plantedSecrets, plantedSettings } from "../fixtures/secrets.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { herma, keeperPids, makeHome, runHerma } from "./home.ts";

const secrets = plantedSecrets();
const settings = plantedSettings();
const inner = (secret: string): string => secret.slice(6, -4);

/** Which of the secrets stand in the text. */
function leaked(text: string, planted: readonly PlantedSecret[] = secrets): string[] {
  return planted.filter(({ secret }) => text.includes(secret.length < 18 ? secret : inner(secret))).map(({ name }) => name);
}

type Gateway = { readonly child: ChildProcess; readonly address: string; readonly token: string; stderr(): string };

async function startGateway(home: string): Promise<Gateway> {
  const child = spawn(herma, ["gateway", "run", "--home", home, "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: nodeProcess.env,
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exit = new Promise<void>((done) => child.on("close", () => done()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const address = await deadline(
    new Promise<string>((done, fail) => {
      let stdout = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        stdout += chunk.toString();
        const ready = /^READY (http:\S+)$/m.exec(stdout)?.[1];
        if (ready !== undefined) done(ready);
      });
      void exit.then(() => fail(new Error(stderr)));
    }),
    60_000,
    "READY",
  );
  return { child, address, token: readFileSync(join(home, "token"), "utf8").trim(), stderr: () => stderr };
}

function ask({ address, token }: Gateway, path: string, options: { body?: unknown; accept?: string } = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { authorization: `Bearer ${token}`, ...(options.accept === undefined ? {} : { accept: options.accept }) };
  const sent = request(address + path, { method: options.body === undefined ? "GET" : "POST", headers, agent: false }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("end", () => resolve(text));
  });
  sent.on("error", reject);
  sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  return deadline(promise, 60_000, path);
}

/** Everything the gateway tells as events, as it comes. */
function hear({ address, token }: Gateway): () => string {
  let text = "";
  const stream = get(`${address}/api/events`, { headers: { authorization: `Bearer ${token}` }, agent: false }, (response) => {
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("error", () => {});
  });
  stream.on("error", () => {});
  onTestFinished(() => void stream.destroy());
  return () => text;
}

/** A file with one secret a line, as a program would print it. */
function corpusFile(): string {
  const path = join(temporaryFolder(), "corpus");
  writeFileSync(path, secrets.map(({ text }) => `${text}\n`).join(""));
  return path;
}

/** Files below a folder, with their text. FIFOs, sockets and locks hold none. */
function filesBelow(folder: string): { path: string; text: string }[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [{ path, text: readFileSync(path, "latin1") }] : [];
  });
}

test("[peer 34] [T6] [defect 6.1.19] what is planted reaches the child unchanged and appears on no surface", async () => {
  const home = makeHome();
  const gateway = await startGateway(home.home);
  const events = hear(gateway);
  await until("the events have begun", () => events().includes("hello"));
  const words = secrets.map(({ text }) => text);
  const corpus = corpusFile();
  // The child proves by its own sum that it got the very words.
  const script = `cat "$0"; for word in "$@"; do printf '%s\\n' "$word"; done | sha256sum`;
  const { id } = await home.start(["sh", "-c", script, corpus, ...words], { name: "planted" });
  const ended = await home.ended(id);
  const sum = createHash("sha256")
    .update(words.map((word) => `${word}\n`).join(""))
    .digest("hex");
  expect(home.bytes(id).toString()).toBe(`${readFileSync(corpus, "utf8")}${sum}  -\n`);
  await until("its end is told", () => events().includes("process.ended"));

  const surfaces: Record<string, string> = { ended: JSON.stringify(ended), events: events() };
  const json = (value: unknown): string => JSON.stringify(value);
  surfaces.list = json(home.registry.list({ all: true }));
  surfaces.get = json(home.registry.get(id));
  for (const view of ["delta", "tail", "head", "headTail"] as const) {
    surfaces[`read ${view}`] = json(home.registry.read(id, { view, since: 0, maxBytes: 1_000_000 }));
    surfaces[`read ${view}, cut`] = json([900, 2000, 4321, 7000].map((maxBytes) => home.registry.read(id, { view, since: 0, maxBytes })));
  }
  const yielded = await home.start(`cat ${corpus}; echo '${words[0]}'`, { yieldSeconds: 30 });
  surfaces["start that waits"] = json(yielded);
  surfaces.wait = json(await home.registry.wait({ ids: [yielded.id], deadlineSeconds: 30 }));
  surfaces.kill = json(await home.registry.kill(yielded.id));
  const failed = await home.start([`/nowhere/${words[0]}`]);
  await home.ended(failed.id);
  surfaces["kill of what never ran"] = json([failed, await home.registry.kill(failed.id)]);
  const refusal = await home.registry.write(failed.id, { data: "x" }).catch((error: unknown) => error);
  surfaces["write to what never ran"] = json(refusal instanceof HermaError ? [refusal.message, refusal.data] : null);
  expect(surfaces["write to what never ran"]).toContain("failed_start");
  for (const args of [
    ["ps", "--all"],
    ["ps", "--all", "--json"],
    ["inspect", id],
    ["inspect", id, "--json"],
    ["logs", id],
    ["logs", id, "--all"],
    ["logs", id, "--all", "--json"],
    ["logs", id, "--all", "--follow"],
    ["logs", id, "--all", "--follow", "--json"],
    ["run", "--json", "--", "cat", corpus],
    ["run", "-d", "--json", "--", "cat", corpus, ...words],
    ["wait", id, "--json"],
    ["kill", id, "--json"],
  ]) {
    const ran = await runHerma(home.home, args);
    surfaces[`herma ${args.slice(0, 4).join(" ").slice(0, 60)}`] = ran.stdout + ran.stderr;
  }
  for (const path of [
    "/api/processes?all=1",
    `/api/processes/${id}`,
    `/api/processes/${id}/output?since=start&max_bytes=1000000`,
    `/api/processes/${id}/output?view=tail&max_bytes=3000`,
    `/api/processes/${encodeURIComponent(words[0] ?? "")}`,
    "/",
  ]) {
    surfaces[`GET ${path.slice(0, 60)}`] = await ask(gateway, path);
  }
  surfaces["POST start"] = await ask(gateway, "/api/processes", { body: { command: ["cat", corpus, ...words], yield_seconds: 60 } });
  surfaces["POST start that fails"] = await ask(gateway, "/api/processes", { body: { command: [`/nowhere/${words[0]}`] } });
  surfaces["POST wait"] = await ask(gateway, `/api/processes/${id}/wait`, { body: {} });
  surfaces["POST kill"] = await ask(gateway, `/api/processes/${id}/kill`, { body: {} });
  const live = await home.start(["sh", "-c", "sleep 300", ...words]);
  const checkpoint = join(home.home, "processes.json");
  await until("the checkpoint has it", () => existsSync(checkpoint) && readFileSync(checkpoint, "utf8").includes(live.id));
  surfaces["processes.json"] = readFileSync(checkpoint, "utf8");
  await home.registry.kill(live.id);
  surfaces["events, later"] = events();
  surfaces["gateway log"] = gateway.stderr();
  for (const { path, text } of filesBelow(join(home.home, "keepers"))) surfaces[path] = text;

  expect(Object.entries(surfaces).flatMap(([name, text]) => leaked(text).map((secret) => `${secret} in ${name}`))).toEqual([]);
  // Each of them has shown something.
  for (const name of ["read delta", "start that waits", `herma logs ${id} --all`, "POST start", "processes.json"])
    expect(surfaces[name], name).toContain("***");
  expect(surfaces[`herma inspect ${id} --json`]).toContain("...");

  // Asked for as it is, the output is the owner's own.
  expect(leaked((await runHerma(home.home, ["logs", id, "--all", "--raw"])).stdout)).toEqual(secrets.map(({ name }) => name));
  const raw = await ask(gateway, `/api/processes/${id}/output`, { accept: "application/octet-stream" });
  expect(raw).toBe(home.bytes(id).toString());
});

test("[T6] [defect 6.1.19] [peer 34] a model's tools show nothing of what is planted", async () => {
  const home = makeHome();
  const corpus = corpusFile();
  const { terminal, process } = createTools({
    registry: home.registry,
    clock: home.system.clock,
    transcriptReader: "m",
    session: "s",
    pollSeconds: 0,
  });
  const answers: string[] = [];
  const call = async (tool: typeof terminal, input: object): Promise<Record<string, unknown>> => {
    const { content } = await deadline(tool.run(input), 60_000, JSON.stringify(input).slice(0, 80));
    answers.push(JSON.stringify(content));
    return content;
  };
  const command = `cat ${corpus}; echo '${secrets[0]?.text}'`;
  expect((await call(terminal, { command })).exit_code).toBe(0);
  const { session_id } = await call(terminal, { command: `${command}; sleep 300`, background: true });
  await until("it has printed", () => home.bytes(session_id as string).includes(`${secrets.at(-1)?.text}\n${secrets[0]?.text}\n`));
  const tty = await call(terminal, { command: `${command}; sleep 300`, background: true, pty: true });
  await until("it has printed", () => home.bytes(tty.session_id as string).includes(`${secrets[0]?.text}\r\n`));
  for (const id of [session_id, tty.session_id]) {
    await call(process, { action: "poll", session_id: id });
    await call(process, { action: "log", session_id: id });
    await call(process, { action: "log", session_id: id, view: "head" });
    await call(process, { action: "log", session_id: id, offset: 7, limit: 3 });
    await call(process, { action: "search", session_id: id, pattern: inner(secrets[0]?.secret ?? "").slice(0, 8) });
    await call(process, { action: "wait", session_id: id, timeout: 0 });
  }
  await call(process, { action: "log", session_id: tty.session_id, view: "screen" });
  await call(process, { action: "list" });
  for (const id of [session_id, tty.session_id]) await call(process, { action: "kill", session_id: id });
  await call(process, { action: "wait", session_id });
  expect(leaked(answers.join("\n"))).toEqual([]);
  expect(answers.filter((answer) => answer.includes("***")).length).toBeGreaterThan(6);
});

test("[defect 6.1.19] [peer 34] notices show nothing of what is planted, and neither does the store that holds them", async () => {
  const home = makeHome();
  const problems: unknown[] = [];
  await home.registry.watching.start({ onProblem: (error) => problems.push(error) });
  await until("it evaluates", () => home.registry.watching.isEvaluator);
  const corpus = corpusFile();
  const password = `hun${"ter2222"}`;
  const watch = [{ match: ":", mode: "every" as const }, { match: "eyJ" }, { match: "PRIVATE" }, { match: "Authorization" }];
  const { id } = await home.start(`sleep 0.2; DB_PASSWORD=${password} cat ${corpus}; : '${secrets[0]?.text}'`, {
    owner: { kind: "tool", session: "s" },
    notifyOnComplete: true,
    purpose: `sees ${secrets[1]?.text}`,
    watch,
  });
  await until("its end is told", () => home.registry.notices.list({ process: id }).some(({ kind }) => kind === "completion"));
  const notices = home.registry.notices.list({ process: id });
  expect(notices.length).toBeGreaterThan(2);
  expect(leaked(JSON.stringify(notices))).toEqual([]);
  expect(JSON.stringify(notices)).not.toContain(password);
  const stored = filesBelow(home.home).filter(({ path }) => path.includes("herma.db"));
  expect(stored.length).toBeGreaterThan(0);
  for (const { path, text } of stored)
    expect(
      leaked(text).filter((name) => name !== secrets[1]?.name),
      path,
    ).toEqual([]);
  expect(problems).toEqual([]);
});

test("[peer 34] [defect 6.1.19] values of variables reach the child and no file; what it prints of them is masked by name", async () => {
  const home = makeHome();
  const value = settings[0]?.secret as string;
  const variables = {
    PATH: nodeProcess.env.PATH ?? "",
    HERMA_TEST_RUN: nodeProcess.env.HERMA_TEST_RUN ?? "",
    HOME: "/nowhere/home",
    SERVICE_TOKEN: value,
  };
  const quiet = await home.start(`[ "$SERVICE_TOKEN" = "$(printf '%s' ${value.slice(0, 4)}; printf '%s' ${value.slice(4)})" ]`, {
    variables,
  });
  expect((await home.ended(quiet.id)).exit).toMatchObject({ code: 0, cause: "exited" });
  for (const { path, text } of filesBelow(home.home)) expect(text.includes(value), path).toBe(false);
  const spec = SpecFile.parse(JSON.parse(readFileSync(processPaths(home.home, quiet.id).spec, "utf8")));
  expect(spec.variables).toContain("SERVICE_TOKEN");

  const dump = await home.start("env | sort", { variables });
  await home.ended(dump.id);
  const { text } = home.registry.read(dump.id);
  expect(text).toContain("HOME=/nowhere/home\n");
  expect(text).toContain(`SERVICE_TOKEN=${value.slice(0, 6)}...${value.slice(-4)}\n`);
  expect(text).not.toContain(value);
  expect(home.bytes(dump.id).toString()).toContain(`SERVICE_TOKEN=${value}\n`);
  const logs = await runHerma(home.home, ["logs", dump.id]);
  expect(logs.stdout).not.toContain(value);
  expect(logs.stdout).toContain("HOME=/nowhere/home");
});

test("[peer 34] the command is executed as it was given, and stands so where only its owner reads", async () => {
  const home = makeHome();
  const { text } = secrets[0] as PlantedSecret;
  const command = `printf '%s' '${text}' > "$OUT"`;
  const out = join(temporaryFolder(), "out");
  const { id } = await home.start(command, { variables: { ...nodeProcess.env, OUT: out } as Record<string, string> });
  await home.ended(id);
  // What a command writes somewhere is never touched either.
  expect(readFileSync(out, "utf8")).toBe(text);
  const { folder, spec } = processPaths(home.home, id);
  expect(JSON.parse(readFileSync(spec, "utf8")).command).toBe(command);
  expect(statSync(spec).mode & 0o077).toBe(0);
  expect(statSync(folder).mode & 0o077).toBe(0);
  expect(leaked(JSON.stringify(home.registry.get(id)))).toEqual([]);
});

test("[T6] herma.yaml turns it off at a start; variables of whoever starts it do not", async () => {
  const home = makeHome();
  const { id } = await home.start(["cat", corpusFile()]);
  await home.ended(id);
  const run = (): Promise<{ stdout: string }> => runHerma(home.home, ["logs", id, "--all"]);
  const before = { ...nodeProcess.env };
  Object.assign(nodeProcess.env, { HERMES_REDACT_SECRETS: "false", HERMA_REDACT_SECRETS: "false", HERMA_REDACTION: "false" });
  try {
    expect(leaked((await run()).stdout)).toEqual([]);
  } finally {
    for (const name of Object.keys(nodeProcess.env)) if (!(name in before)) delete nodeProcess.env[name];
  }
  writeFileSync(join(home.home, "herma.yaml"), "redaction:\n  enabled: false\n");
  expect(leaked((await run()).stdout)).toEqual(secrets.map(({ name }) => name));
});

test("a live process: its lines are masked as they come, keys over many lines too", async () => {
  const home = makeHome();
  const corpus = corpusFile();
  // Line by line with moments between, so that a follower sees every cut.
  const { id } = await home.start(
    `while IFS= read -r line; do printf '%s' "\${line%????????}"; sleep 0.01; printf '%s\\n' "\${line#"\${line%????????}"}"; done < ${corpus}`,
  );
  const followed = await runHerma(home.home, ["logs", id, "--all", "--follow"]);
  expect(leaked(followed.stdout)).toEqual([]);
  expect(home.bytes(id).toString()).toBe(readFileSync(corpus, "utf8"));
  expect(keeperPids(home.home)).toHaveLength(1);
});

test("what is no secret is shown as it was printed", async () => {
  const home = makeHome();
  const path = join(temporaryFolder(), "harmless");
  const text = `${harmlessTexts().join("\n")}\n`;
  writeFileSync(path, text);
  const { id } = await home.start(["cat", path]);
  await home.ended(id);
  expect(home.registry.read(id, { since: "start", maxBytes: 1_000_000 }).text).toBe(text);
  expect((await runHerma(home.home, ["logs", id, "--all"])).stdout).toBe(text);
});
