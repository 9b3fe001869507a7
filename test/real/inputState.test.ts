import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { makeHome } from "./home.ts";

const tells = nodeProcess.platform === "linux" && existsSync("/proc/self/syscall");

test.runIf(tells).each([
  ["a shell's read from a pipe", "echo name?; read name; echo hi $name", { stdin: "pipe" }, false],
  ["cat from a pipe, behind another shell", "bash -c 'echo start; cat'", { stdin: "pipe" }, false],
  ["a shell's read from a terminal", "read -p 'name? ' name; echo hi $name", { tty: true }, false],
  ["a password prompt", "read -s -p 'Password: ' secret; echo; echo ok", { tty: true }, true],
  ["a password that is read from /dev/tty", "python3 -c 'import getpass; getpass.getpass()'", { tty: true }, true],
  ["a line editor, which takes keys and echoes by itself", "bash --norc --noprofile -i", { tty: true }, false],
  ["python's own prompt", "python3 -q", { tty: true }, false],
  ["a pager", "seq 1000 | less", { tty: true }, false],
] as const)("waits for input: %s", async (_what, command, streams, secret) => {
  const home = makeHome();
  const { id } = await home.start(command, { ...streams, variables: { ...plain(), TERM: "xterm" } });
  const result = await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 30 });
  expect(result).toMatchObject({ reason: "input", processes: [{ met: true, settled_by: "input", secret_prompt: secret }] });
});

test.runIf(tells).each([
  ["silence with an open pipe", "sleep 300", { stdin: "pipe" }],
  ["silence in a terminal", "sleep 300", { tty: true }],
  ["silence without input", "sleep 300", {}],
  ["a reader in the background of a terminal", "set -m; cat & sleep 300", { tty: true }],
  ["work", "while :; do :; done", { tty: true }],
] as const)("does not wait for input: %s", async (_what, command, streams) => {
  const home = makeHome();
  const { id } = await home.start(command, streams);
  const result = await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 1 });
  expect(result).toMatchObject({ reason: "deadline", processes: [{ met: false, settled_by: null }] });
  expect(result.processes[0]).not.toHaveProperty("note");
});

test.runIf(tells)("an event loop that would hear of input cannot be told from one that waits for it, and that is said", async () => {
  const home = makeHome();
  const { id } = await home.start([nodeProcess.execPath, "-e", "process.stdin.on('data', () => {})"], { tty: true });
  const result = await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 2 });
  expect(result.reason).toBe("deadline");
  expect(result.processes[0]?.note).toContain("cannot be told");
});

test.runIf(tells)("once answered it goes on, and waits no more", async () => {
  const home = makeHome();
  const { id } = await home.start("read -p 'go? ' x; echo went; sleep 300", { tty: true });
  expect(await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 30 })).toMatchObject({ reason: "input" });
  const { offset } = await home.registry.write(id, { data: "y\n" });
  await home.registry.wait({ ids: [id], until: { match: "went" }, after: offset, deadlineSeconds: 30 });
  expect(await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 0.5 })).toMatchObject({ reason: "deadline" });
});

test.runIf(tells)("who has just been answered does not seem to wait for that answer still", async () => {
  const home = makeHome();
  const gate = join(home.home, "gate");
  const { id } = await home.start(`mkfifo '${gate}'; while read -s x; do read -r y <'${gate}'; done`, { tty: true });
  for (let round = 0; round < 20; round += 1) {
    expect(await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 30 })).toMatchObject({ reason: "input" });
    await home.registry.write(id, { data: "y\n" });
    const look = await home.registry.wait({ ids: [id], until: { input: true }, deadlineSeconds: 0.05 });
    expect(look, `round ${round}`).toMatchObject({ reason: "deadline" });
    await writeFile(gate, "go\n");
  }
});

function plain(): Record<string, string> {
  return { PATH: nodeProcess.env.PATH ?? "/usr/bin:/bin", HOME: nodeProcess.env.HOME ?? "/" };
}
