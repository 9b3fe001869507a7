import nodeProcess from "node:process";
import { type IPty, spawn } from "@lydell/node-pty";
import headless from "@xterm/headless";
import { expect, onTestFinished, test } from "vitest";
import { deadline, until } from "../setup/waiting.ts";
import { herma, makeHome, runHerma } from "./home.ts";

/** A person's terminal with `herma` in it: what it shows now, and keys to press. */
class Outer {
  readonly #screen: InstanceType<typeof headless.Terminal>;
  readonly #pty: IPty;
  readonly ended: Promise<number>;
  raw = "";

  constructor(home: string, args: string[], size = { cols: 80, rows: 24 }) {
    this.#screen = new headless.Terminal({ ...size, allowProposedApi: true });
    this.#pty = spawn(herma, args, { ...size, env: { ...nodeProcess.env, HERMA_HOME: home, TERM: "xterm-256color" } });
    this.#pty.onData((data) => {
      this.raw += data;
      this.#screen.write(data);
    });
    let over = false;
    this.ended = new Promise((done) =>
      this.#pty.onExit(({ exitCode, signal }) => {
        over = true;
        done(signal ? 128 + signal : exitCode);
      }),
    );
    onTestFinished(async () => {
      if (!over) this.#pty.kill("SIGKILL");
      await this.ended;
      this.#screen.dispose();
    });
  }

  lines(): string[] {
    const buffer = this.#screen.buffer.active;
    return Array.from({ length: this.#screen.rows }, (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "");
  }

  get alternate(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  async shows(text: string | RegExp): Promise<void> {
    const found = () => this.lines().some((line) => (typeof text === "string" ? line.includes(text) : text.test(line))) || null;
    await until(`the screen shows ${text}`, found, { deadlineMs: 30_000 }).catch((error: Error) => {
      throw new Error(`${error.message}; it shows:\n${this.lines().join("\n").trimEnd()}`);
    });
  }

  press(keys: string): void {
    this.#pty.write(keys);
  }

  resize(cols: number, rows: number): void {
    this.#screen.resize(cols, rows);
    this.#pty.resize(cols, rows);
  }

  /** Closes the terminal: its programs get SIGHUP, and what they write goes nowhere. */
  close(): void {
    (this.#pty as IPty & { destroy(): void }).destroy();
  }

  async end(): Promise<number> {
    return await deadline(this.ended, 30_000, "herma ends in its terminal");
  }
}

const shell = ["bash", "--norc", "--noprofile"];

test("run --tty: a terminal as large as ours, keys, colours, resize, exit code", async () => {
  const { home } = makeHome();
  const outer = new Outer(home, ["run", "--tty", "-e", "PS1=> ", "--", ...shell], { cols: 70, rows: 20 });
  await outer.shows(/^>/);
  outer.press("stty size; tty | cut -c1-5\r");
  await outer.shows("20 70");
  await outer.shows("/dev/");
  outer.resize(100, 30);
  await until(
    "the new size has arrived",
    async () => {
      outer.press("stty size\r");
      return outer.lines().includes("30 100") || null;
    },
    { pollMs: 200, deadlineMs: 30_000 },
  );
  // Ctrl-C goes to the program in the foreground, not to us.
  outer.press("sleep 61\r");
  await outer.shows("> sleep 61");
  outer.press("\x03");
  outer.press("echo status $?; exit 9\r");
  await outer.shows("status 130");
  expect(await outer.end()).toBe(9);
});

test("detach, attach, and the screen is as it was; another size is taken over", async () => {
  const { home, registry } = makeHome();
  const first = new Outer(home, ["run", "--tty", "--name", "shell", "-e", "PS1=> ", "--", ...shell]);
  await first.shows(/^>/);
  first.press("printf 'one\\ntwo \\033[32mgreen\\033[0m\\n'\r");
  await first.shows("two green");
  first.press("\x1c\x1c");
  expect(await first.end()).toBe(0);
  await first.shows("runs on");
  expect(registry.get(registry.resolve("shell")).phase).toBe("running");
  const second = new Outer(home, ["attach", "shell"], { cols: 90, rows: 25 });
  await second.shows("two green");
  expect(second.raw).toContain("\x1b[32mgreen");
  second.press("stty size\r");
  await second.shows("25 90");
  second.press("exit 3\r");
  expect(await second.end()).toBe(3);
  await second.shows("exited with 3");
  // A process that is over has no screen to attach to.
  expect(await runHerma(home, ["attach", "shell"])).toMatchObject({ code: 5 });
});

test("a full-screen program: leaving restores our terminal, coming back paints it again", async () => {
  const { home } = makeHome();
  const script = "printf '\\033[?1049h\\033[?1000h\\033[?25l\\033[2J\\033[5;3Hfull screen'; while :; do sleep 1; done";
  const first = new Outer(home, ["run", "--tty", "--name", "full", "--", "sh", "-c", script]);
  await first.shows("full screen");
  expect(first.alternate).toBe(true);
  first.press("\x1c\x1c");
  expect(await first.end()).toBe(0);
  await first.shows("runs on");
  expect(first.alternate).toBe(false);
  expect(first.raw).toContain("\x1b[?1000l");
  expect(first.raw).toContain("\x1b[?25h");
  const second = new Outer(home, ["attach", "full"]);
  await second.shows("full screen");
  expect(second.alternate).toBe(true);
  expect(second.lines()[4]).toBe("  full screen");
  expect(second.raw).toContain("\x1b[?1000h");
  expect((await runHerma(home, ["kill", "full", "--grace", "100ms"])).code).toBe(0);
  expect(await second.end()).toBe(143);
  expect(second.alternate).toBe(false);
});

test("a single Ctrl-\\ reaches the program", async () => {
  const { home } = makeHome();
  const outer = new Outer(home, [
    "run",
    "--tty",
    "--",
    "sh",
    "-c",
    "trap 'echo quit seen; exit 6' QUIT; echo ready; while :; do sleep 0.05; done",
  ]);
  await outer.shows("ready");
  outer.press("\x1c");
  await outer.shows("quit seen");
  expect(await outer.end()).toBe(6);
});

test("a foreground run in a terminal that closes: the id was told, the process goes on", async () => {
  const { home, registry } = makeHome();
  const outer = new Outer(home, ["run", "--name", "train", "--", "echo ready; exec sleep 60"]);
  await outer.shows("ready");
  await outer.shows(/herma: proc_[0-9a-f]{12} runs apart/);
  outer.close();
  expect(await outer.end()).toBe(129);
  expect(registry.get(registry.resolve("train")).phase).toBe("running");
});

test("attached in a terminal that closes: we go, the process stays", async () => {
  const { home, registry } = makeHome();
  const outer = new Outer(home, ["run", "--tty", "--name", "stays", "-e", "PS1=> ", "--", ...shell]);
  await outer.shows(/^>/);
  outer.close();
  expect(await outer.end()).toBe(129);
  expect(registry.get(registry.resolve("stays")).phase).toBe("running");
});
