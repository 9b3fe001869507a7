import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { deadline, until } from "../../test/setup/waiting.ts";
import { fakeSystem } from "../system/fake/index.ts";
import { nodeSystem } from "../system/index.ts";
import { followLogFile, LogFile, olderLog } from "./logFile.ts";

const path = "/home/logs/gateway.log";

function stage() {
  const { files } = fakeSystem();
  files.makeFolder("/home/logs");
  const append = (text: string, where = path): void => {
    const appender = files.appender(where);
    appender.write(Buffer.from(text));
    appender.close();
  };
  const beginAnew = (): void => files.rename(path, olderLog(path));
  const log = new LogFile(files, path);
  const next = (): string | null => log.next()?.toString() ?? null;
  return { files, append, beginAnew, log, next };
}

test("the last lines, with and without a break at the end, also from before the file began anew", () => {
  const { append, beginAnew, log } = stage();
  expect(log.lastLines(5)).toBeNull();
  append("a\nb\nc\nd");
  expect(log.lastLines(2)?.toString()).toBe("c\nd");
  expect(log.lastLines(9)?.toString()).toBe("a\nb\nc\nd");
  append("\n");
  beginAnew();
  append("\ne\n");
  expect(log.lastLines(1)?.toString()).toBe("e\n");
  expect(log.lastLines(4)?.toString()).toBe("c\nd\n\ne\n");
  expect(log.lastLines(99)?.toString()).toBe("a\nb\nc\nd\n\ne\n");
});

test("what comes is told once, across new files and files that were cut", () => {
  const { files, append, beginAnew, log, next } = stage();
  expect(next()).toBeNull();
  append("one\n");
  expect([next(), next()]).toEqual(["one\n", null]);
  append("two\n");
  beginAnew();
  // Between its two names.
  expect(next()).toBeNull();
  append("late\n", olderLog(path));
  append("three\n");
  expect([next(), next(), next()]).toEqual(["two\nlate\n", "three\n", null]);
  // Twice since the last look: what stood in the file between is gone.
  append("four\n");
  beginAnew();
  append("gone\n");
  beginAnew();
  append("five\n");
  expect([next(), next()]).toEqual(["five\n", null]);
  files.remove(path);
  files.createExclusive(path, "six\n");
  expect(next()).toBe("six\n");
  append("seven\n");
  expect(log.lastLines(1)?.toString()).toBe("seven\n");
  expect(next()).toBeNull();
});

test("more than one read takes comes in parts", () => {
  const { append, next } = stage();
  append("x".repeat(150_000));
  let length = 0;
  for (let part = next(); part !== null; part = next()) length += part.length;
  expect(length).toBe(150_000);
});

test("a follow hears at once, waits for whoever takes it, goes on in the new file, and ends", async () => {
  const system = nodeSystem();
  const { files } = system;
  const real = `${temporaryFolder()}/log`;
  const append = (text: string): void => {
    const appender = files.appender(real);
    appender.write(Buffer.from(text));
    appender.close();
  };
  const end = new AbortController();
  onTestFinished(() => end.abort());
  append("before\nlast\n");
  let heard = "";
  const output = async (bytes: Uint8Array): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    heard += Buffer.from(bytes).toString();
  };
  // No clock: everything is heard by the system's word.
  const clock = { after: () => ({ cancel: () => {} }) };
  const followed = followLogFile({ files, clock }, real, { lines: 1, signal: end.signal, output });
  await until("the last line", () => heard === "last\n");
  append("one\n");
  await until("one", () => heard === "last\none\n");
  files.rename(real, olderLog(real));
  append("two\n");
  await until("two", () => heard === "last\none\ntwo\n");
  end.abort();
  await deadline(followed, 10_000, "its end");
});
