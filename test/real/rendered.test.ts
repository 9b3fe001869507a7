import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import type { StartOptions } from "../../src/processes/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { until } from "../setup/waiting.ts";
import { type Home, makeHome } from "./home.ts";

const terminal = { tty: { rows: 24, cols: 80 }, variables: { PATH: nodeProcess.env.PATH ?? "", HOME: "/", TERM: "xterm-256color" } };
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

function installed(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs to the end and reads as a model would. */
async function rendered(home: Home, command: StartOptions["command"], options: Partial<StartOptions> = {}): Promise<string> {
  const { id } = await home.start(command, options);
  const { exit } = await home.ended(id);
  const read = home.registry.read(id, { since: "start", maxTokens: 10_000 });
  expect(exit, read.text).toMatchObject({ code: 0 });
  expect(read.text).not.toMatch(controls);
  return read.text;
}

test.runIf(installed("git"))("git clone --progress of a local repository: each step's last state", async () => {
  const home = makeHome();
  const folder = temporaryFolder();
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: join(folder, "from"), stdio: "ignore" });
  mkdirSync(join(folder, "from"));
  git("init", "-q");
  for (let number = 0; number < 200; number += 1) writeFileSync(join(folder, "from", `file${number}`), `${number}\n`.repeat(50));
  git("add", ".");
  git("commit", "-q", "-m", "all");
  for (const streams of [{}, terminal]) {
    const to = `to${Object.keys(streams).length}`;
    const text = await rendered(home, ["git", "clone", "--progress", `file://${folder}/from`, join(folder, to)], streams);
    expect(text).toMatch(/Receiving objects: 100% \(\d+\/\d+\).*done\./);
    expect(text).not.toContain(" 50%");
    expect(text.split("\n").length).toBeLessThan(12);
  }
});

test.runIf(installed("curl"))("curl's meter from a server on loopback: one line of numbers, the last ones", async () => {
  const home = makeHome();
  const server = createServer((_request, response) => {
    response.setHeader("content-length", 300_000);
    let sent = 0;
    const more = setInterval(() => {
      sent += 1;
      if (sent < 30) return void response.write(Buffer.alloc(10_000, "x"));
      clearInterval(more);
      response.end(Buffer.alloc(10_000, "x"));
    }, 60);
    response.on("close", () => clearInterval(more));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const meter = await rendered(home, ["curl", "-o", "/dev/null", url]);
  expect(meter.trimEnd().split("\n")).toHaveLength(3);
  expect(meter.trimEnd().split("\n").at(-1)).toMatch(/^100\s+29\d|^100\s+30/);
  const bar = await rendered(home, ["curl", "-#", "-o", "/dev/null", url], terminal);
  expect(bar.trimEnd().split("\n")).toHaveLength(1);
  expect(bar).toMatch(/#+ 100\.0%/);
});

test("bars as npm, cargo and pip draw them: what stands there in the end", async () => {
  const home = makeHome();
  const program = `
    const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
    const out = (text) => process.stdout.write(text);
    for (let i = 0; i < 200; i++) out("\\x1b[1G\\x1b[0K" + frames[i % 10] + " reify:pkg" + i);
    out("\\x1b[1G\\x1b[0K\\nadded 57 packages in 3s\\n");
    for (let i = 0; i <= 100; i++) out("\\r\\x1b[32m    Building\\x1b[0m [" + "=".repeat(i / 4) + ">".padEnd(26 - i / 4) + "] " + i + "/100: crate" + i);
    out("\\r\\x1b[K\\x1b[32m    Finished\\x1b[0m dev profile in 4.2s\\n");
    for (let i = 0; i <= 50; i++) out("\\r   \\x1b[38;5;70m" + "━".repeat(i) + "\\x1b[0m" + "╺".repeat(50 - i) + " " + i + "/50 MB");
    out("\\n");
  `;
  const text = await rendered(home, [nodeProcess.execPath, "-e", program], terminal);
  expect(text.split("\n")).toEqual([
    "",
    "added 57 packages in 3s",
    "    Finished dev profile in 4.2s",
    `   ${"━".repeat(50)} 50/50 MB`,
    "",
  ]);
});

test("pytest's dots, a character at a time, and a log that says the same thing for ever", async () => {
  const home = makeHome();
  const program = `
    const out = (text) => require("fs").writeSync(1, text);
    out("tests/test_a.py ");
    for (let i = 0; i < 40; i++) out(i === 20 ? "\\x1b[31mF\\x1b[0m" : "\\x1b[32m.\\x1b[0m");
    out("\\x1b[36m [100%]\\x1b[0m\\n");
    for (let i = 0; i < 1000; i++) out("waiting for the database\\n");
    out("gave up\\n");
  `;
  const text = await rendered(home, [nodeProcess.execPath, "-e", program]);
  expect(text).toBe(
    `tests/test_a.py ${".".repeat(20)}F${".".repeat(19)} [100%]\nwaiting for the database\n[… the same line 999 more times …]\ngave up\n`,
  );
});

const screens: readonly (readonly [program: string, command: string, shows: RegExp])[] = [
  [
    "python3",
    `python3 -c 'import curses,time
def main(s):
    s.addstr(2, 4, "Herma says"); s.addstr(5, 0, "count 0"); s.refresh()
    for i in range(30): s.addstr(5, 6, str(i)); s.refresh(); time.sleep(0.01)
    s.addstr(7, 0, "settled"); s.refresh(); time.sleep(300)
curses.wrapper(main)'`,
    /^\n\n {4}Herma says\n\n\ncount 29\n\nsettled$/,
  ],
  ["less", "seq 1000 | less", /^1\n2\n3\n[\s\S]*\n23\n:$/],
  ["vim", "vim -u NONE -N -i NONE", /~\n~[\s\S]*VIM - Vi IMproved/],
  ["top", "top -d 300", /^top - [\s\S]*PID/],
];
test.each(screens.filter(([program]) => installed(program)))(
  "the screen of %s, and not what painted it",
  async (_program, command, shows) => {
    const home = makeHome();
    const { id } = await home.start(command, terminal);
    const screen = () => home.registry.read(id, { view: "screen" });
    await until(`the screen shows ${shows}`, () => shows.test(screen().text), { deadlineMs: 30_000 }).catch((error: Error) => {
      throw new Error(`${error.message}; it shows:\n${screen().text}`);
    });
    expect(screen().text).not.toMatch(controls);
    expect(screen().screen).toMatchObject({ rows: 24, cols: 80 });
  },
);
