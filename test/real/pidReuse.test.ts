import { spawn } from "node:child_process";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { deadline } from "../setup/waiting.ts";
import { herma, programs } from "./home.ts";

const isRoot = nodeProcess.getuid?.() === 0 && nodeProcess.platform === "linux";

test.skipIf(!isRoot || needs("unshare"))(
  "[P41] [defect 6.1.25] [defect 6.2.11] [peer 19] a stranger that got our process's pid is never signalled",
  async () => {
    const home = temporaryFolder();
    const child = spawn("unshare", [
      "--pid",
      "--fork",
      "--mount-proc",
      "--kill-child",
      "bash",
      join(programs, "pid-reuse.sh"),
      herma,
      home,
    ]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    await deadline(new Promise((done) => child.on("close", done)), 90_000, "the namespace ends");
    const said = Object.fromEntries(output.split("\n").map((line) => [line.split(" ")[0], line.split(" ").slice(1).join(" ")]));
    expect(said, output).toMatchObject({ stranger: said.pid, ps: "0", cause: "lost", alive: "yes", signals: "" });
  },
);
