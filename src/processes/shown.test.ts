import { expect, test } from "vitest";
import { harmlessTexts, plantedSecrets, plantedSettings } from "../../test/fixtures/secrets.ts";
import { defaultConfig } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import { registryConfig } from "./settings.ts";
import { shownBy } from "./shown.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { putEnded } from "./testing/records.ts";

const secrets = plantedSecrets();
const first = secrets[0] as (typeof secrets)[number];
const inner = (secret: string): string => secret.slice(6, -4);

test("[peer 34] [T6] [defect 6.1.19] lists, views and every kind of read mask; the bytes are left alone", () => {
  const { home, registry } = openTestRegistry();
  const output = secrets.map(({ text }) => `${text}\n`).join("");
  const id = putEnded(home, 1, {
    output: { 0: output },
    spec: { command: ["echo", ...secrets.map(({ text }) => text)], cwd: `/tmp/${first.secret}` },
    exit: { failure: { error: "ENOENT", message: `${first.secret} not found` } },
  });
  const shown = [
    registry.get(id),
    registry.list({ all: true }),
    registry.read(id, { since: "start", maxBytes: 1_000_000 }),
    registry.read(id),
  ];
  for (const view of ["delta", "tail", "head", "headTail"] as const) {
    for (let maxBytes = 40; maxBytes < output.length; maxBytes += 611) {
      const read = registry.read(id, { view, maxBytes, since: 17 });
      shown.push(read);
      expect(read.end).toBe(output.length);
    }
  }
  const everything = JSON.stringify(shown);
  for (const { secret } of secrets) expect(everything).not.toContain(inner(secret));
  expect(registry.read(id, { since: "start", maxBytes: 1_000_000, raw: true }).text).toBe(output);
});

test("[peer 34] the folder that was asked for and is none is masked where it is told", async () => {
  const { home, registry } = openTestRegistry();
  await fakeKeeper(system, home);
  const view = await registry.start({ command: "true", cwd: `/nowhere/${first.secret}`, owner: { kind: "cli" } });
  expect(view.cwd_requested).toMatch(/^\/nowhere\/.{6}\.\.\..{4}$/);
});

test("[peer 34] what it is for and what is looked for are masked where they are told; the rule itself still finds its line", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const { secret } = first;
  const owner = { kind: "library", session: "s" } as const;
  const { id } = await registry.start({ command: "a", owner, purpose: `uses ${secret}`, watch: [{ match: secret }] });
  registry.interest.update(id, { watch: [{ match: { re2: `^${secret}x$` } }] });
  await registry.watching.start();
  keeper.print(id, 0, `${secret}\n`);
  await expect.poll(() => registry.notices.list(), { timeout: 30_000 }).toMatchObject([{ kind: "watch_match" }]);
  const shown = [registry.interest.get(id), registry.interest.watches(id), registry.notices.list()];
  shown.push(registry.interest.handOver(id, { session: "t", purpose: `still uses ${secret}` }));
  expect(JSON.stringify(shown)).not.toContain(inner(secret));
});

test("[peer 34] reads in small steps show no part of a secret, wherever they cut it", () => {
  const { home, registry } = openTestRegistry();
  let number = 0;
  for (const { text, secret } of secrets) {
    number += 1;
    const output = `a line before\n${text}\na line after\n`;
    const id = putEnded(home, number, { output: { 0: output } });
    for (const step of [7, 16, 31]) {
      let shown = "";
      for (let since = 0; since < output.length; ) {
        const read = registry.read(id, { since, maxBytes: step });
        shown += read.text;
        since = read.to;
      }
      for (let at = 0; at + 8 <= inner(secret).length; at += 4) expect(shown).not.toContain(inner(secret).slice(at, at + 8));
      expect(shown.startsWith("a line before\n")).toBe(true);
      expect(shown.endsWith("\na line after\n")).toBe(true);
    }
  }
});

test("a token that colours divide is one token in plain text", () => {
  const { home, registry } = openTestRegistry();
  const { secret } = first;
  const id = putEnded(home, 1, { output: { 0: `\u001b[1m${secret.slice(0, 4)}\u001b[32m${secret.slice(4)}\u001b[0m\n` } });
  expect(registry.read(id).text).toBe(`${secret.slice(0, 6)}...${secret.slice(-4)}\n`);
});

test.each([
  ["colours", "\u001b[0m"],
  ["a title", "\u001b]0;title\u0007"],
  ["a link's end", "\u001b]8;;\u001b\\"],
  ["a clear", "\u001b[K"],
  ["a control of one byte", "\u009b0m"],
  ["what is gone back over", "x\b"],
  ["a NUL", "\0"],
  ["a DEL", "\u007f"],
  ["a blank without width", "\u200b"],
])("[peer 34] a token that %s divides, with a part that is a token by itself, is masked whole wherever it is shown", (_what, divider) => {
  const { home, registry } = openTestRegistry();
  const { secret } = first;
  const parts = [secret.slice(0, 16), secret.slice(16, 20), secret.slice(20)];
  const line = `token: ${parts.join(divider)} end`;
  for (const [number, output] of [`${line}\n`, `before\r\n${line}\r\n${"word ".repeat(5000)}\n`].entries()) {
    const id = putEnded(home, number + 1, { output: { 0: output } });
    const mask = registry.lineMask(id);
    const shown = [
      registry.read(id, { since: "start", maxBytes: 100_000 }).text,
      registry.read(id, { lines: {} }).text,
      JSON.stringify(registry.read(id, { search: { pattern: "token" } })),
      mask(`${line}\n`),
      ...Array.from({ length: 60 }, (_, since) => registry.read(id, { since, maxBytes: 12 }).text),
    ];
    for (const text of shown) for (const part of parts.slice(1)) expect(text.includes(part) && text).toBe(false);
  }
});

test("[peer 34] a token that a line was written over shows nowhere, in long output as well", () => {
  const { home, registry } = openTestRegistry();
  const { secret } = first;
  const words = "word ".repeat(5000);
  const id = putEnded(home, 1, { output: { 0: `${words}\n${secret}\rxx\n${words}\n` } });
  expect(registry.read(id, { since: "start", maxBytes: 100_000 }).text).not.toContain(secret.slice(8, 30));
});

test("[T6] what prints variables has the values of secret names masked, and nothing else", () => {
  const { home, registry } = openTestRegistry();
  const settings = plantedSettings();
  const output = `HOME=/root\n${settings.map(({ text }) => text).join("\n")}\nMAX_TOKENS=100\n`;
  const dump = registry.read(putEnded(home, 1, { output: { 0: output }, spec: { command: "env | sort" } }));
  for (const { secret } of settings) expect(dump.text).not.toContain(secret);
  expect(dump.text).toMatch(/^HOME=\/root\n/);
  expect(dump.text).toMatch(/\nMAX_TOKENS=100\n$/);
  expect(registry.read(putEnded(home, 2, { output: { 0: output } })).text).toBe(output);
});

test("what is no secret is read as it was printed", () => {
  const { home, registry } = openTestRegistry();
  const output = `${harmlessTexts().join("\n")}\n`;
  expect(registry.read(putEnded(home, 1, { output: { 0: output } }), { since: "start", maxBytes: 1_000_000 }).text).toBe(output);
});

test("lines of a follow: each has a memory of its own", () => {
  const { home, registry } = openTestRegistry();
  const { text } = secrets.find(({ name }) => name === "private key, line 1") as typeof first;
  const id = putEnded(home, 1, { output: {} });
  const [one, other] = [registry.lineMask(id), registry.lineMask(id)];
  const lines = text.split("\n").map((line) => `${line}\n`);
  expect(lines.map((line) => one(line)).join("")).toBe(`${lines[0]}***\n***\n***\n${lines.at(-1)}`);
  expect(other("plain\n")).toBe("plain\n");
  expect(() => registry.lineMask("proc_ffffffffffff")).toThrow("there is no process");
});

test("[T6] the switch of herma.yaml turns it off, and only that", () => {
  const output = `${first.text}\n`;
  const off = openTestRegistry({ redaction: false });
  expect(off.registry.read(putEnded(off.home, 1, { output: { 0: output } })).text).toBe(output);
  expect(registryConfig(defaultConfig()).redaction).toBe(true);
  const on = openTestRegistry();
  expect(on.registry.read(putEnded(on.home, 1, { output: { 0: output } })).text).not.toContain(inner(first.secret));
});

test("a long window is looked at near its borders, where alone it cuts something", () => {
  const shown = shownBy(createRedactor({ enabled: true }));
  const { secret } = first;
  const text = `${secret.slice(20)} ${"word ".repeat(10_000)}${secret.slice(0, 20)}`;
  const window = shown.window({ before: `x ${secret.slice(0, 20)}`, text, after: secret.slice(20) }, undefined);
  expect(window).toBe(`*** ${"word ".repeat(10_000)}${secret.slice(0, 6)}...${secret.slice(-4)}`);
});

test("[peer 34] a search for what a secret holds finds no way around its mask", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: secrets.map(({ text }) => `${text}\n`).join("") } });
  for (const { secret } of secrets) {
    const found = registry.read(id, { search: { pattern: inner(secret).slice(0, 12), contextLines: 1 }, maxBytes: 100_000 });
    expect(found.matches_total).toBeGreaterThan(0);
    expect(JSON.stringify(found)).not.toContain(inner(secret));
  }
});

test("[peer 34] on a screen a secret that goes over the end of a row is one", () => {
  const { home, registry } = openTestRegistry();
  let number = 0;
  for (const { text, secret } of secrets) {
    for (const cols of [17, 40]) {
      number += 1;
      const output = `before\r\n${text.replaceAll("\n", "\r\n")}\r\nafter`;
      const tty = { rows: 8, cols };
      const id = putEnded(home, number, { output: { 0: output }, spec: { tty }, state: { phase: "ended", tty } });
      const screen = registry.read(id, { view: "screen" }).text.replaceAll("\n", "");
      for (let at = 0; at + 12 <= inner(secret).length; at += 6) expect(screen).not.toContain(inner(secret).slice(at, at + 12));
      expect(screen.endsWith("after")).toBe(true);
    }
  }
  const plain = putEnded(home, 999, { output: { 0: "a line longer than ten\r\nx" }, spec: { tty: { rows: 5, cols: 10 } } });
  expect(registry.read(plain, { view: "screen" }).text).toBe("a line lon\nger than t\nen\nx");
});

test("[peer 34] pages of lines mask what their borders cut", () => {
  const { home, registry } = openTestRegistry();
  const { text, secret } = secrets.find(({ name }) => name === "private key, line 2") as typeof first;
  const id = putEnded(home, 1, { output: { 0: `a\n${text}\nb\n` } });
  for (let offset = 1; offset < 6; offset += 1) {
    expect(registry.read(id, { lines: { offset, limit: 1 } }).text).not.toContain(inner(secret));
  }
});
