import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";

const door = new URL("./outputFile.ts", import.meta.url).href;

/** Runs a program whose output and errors are appended to `log`, where `file` is what it gets for it. Returns what stands there afterwards. */
function run(log: string, program: string, redirections = '>> "$1" 2>&1'): { log: string; older: string | null } {
  const text = `import fs from "node:fs";
import { outputFile } from ${JSON.stringify(door)};
const file = outputFile(${JSON.stringify(log)});
const older = ${JSON.stringify(`${log}.1`)};
const say = (fd, text) => fs.writeSync(fd, text + "\\n");
${program}`;
  const words = ["-c", `"$2" --input-type=module -e "$3" ${redirections}`, "sh", log, process.execPath, text];
  execFileSync("sh", words, { timeout: 30_000, env: { PATH: process.env.PATH } });
  return { log: readFileSync(log, "utf8"), older: existsSync(`${log}.1`) ? readFileSync(`${log}.1`, "utf8") : null };
}

test("output and errors go to a new file, and what was printed stands in the older one", () => {
  const log = `${temporaryFolder()}/log`;
  writeFileSync(log, "crash of before\n");
  const program = `
say(2, "size " + file.size());
file.beginAnew(older);
say(1, "output"); say(2, "errors"); console.error("console");
file.beginAnew(older);
say(2, "again " + file.size());`;
  expect(run(log, program)).toEqual({ log: "again 0\n", older: "output\nerrors\nconsole\n" });
  expect(statSync(log).mode & 0o777).toBe(0o600);
  expect(existsSync(`${log}.new`)).toBe(false);
});

test("where another program has begun anew, its new file is ours as well", () => {
  const log = `${temporaryFolder()}/log`;
  const program = `
say(2, "before");
fs.renameSync(${JSON.stringify(log)}, older);
fs.writeFileSync(${JSON.stringify(log)}, "theirs\\n");
file.beginAnew(older);
say(2, "ours");`;
  expect(run(log, program)).toEqual({ log: "theirs\nours\n", older: "before\n" });
});

test("output that goes elsewhere stays there; errors that do are nobody's file", () => {
  const log = `${temporaryFolder()}/log`;
  expect(run(log, `file.beginAnew(older); say(1, "output"); say(2, "errors");`, '2>> "$1" > "$1.out"').log).toBe("errors\n");
  expect(readFileSync(`${log}.out`, "utf8")).toBe("output\n");
  const elsewhere = `${temporaryFolder()}/log`;
  appendFileSync(elsewhere, "untouched\n");
  expect(run(elsewhere, `if (file !== null) throw new Error("a file");`, '2> "$1.err"').log).toBe("untouched\n");
});
