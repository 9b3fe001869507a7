/** A program starts a process and is killed. The next run of the program finds it, with all its output, talks to it and sees its end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import nodeProcess from "node:process";
import { nodeSystem, openRegistry } from "herma/processes";
import { inHome } from "./home.ts";

const home = nodeProcess.argv[2];
if (home === undefined) await secondRun();
else await firstRun(home);

async function firstRun(folder: string): Promise<void> {
  const registry = openRegistry({ home: folder, system: nodeSystem(), clientName: "example" });
  const command = "echo begun; read line; echo got $line; exit 7";
  const { id } = await registry.start({ command, name: "job", stdin: "pipe", owner: { kind: "library" } });
  await registry.wait({ ids: [id], until: { match: "begun" }, deadlineSeconds: 60 });
  nodeProcess.kill(nodeProcess.pid, "SIGKILL");
}

async function secondRun(): Promise<void> {
  await inHome(async (registry, folder) => {
    const first = spawnSync(nodeProcess.execPath, [import.meta.filename, folder], { stdio: "inherit" });
    assert.equal(first.signal, "SIGKILL");
    const id = registry.resolve("job");
    assert.equal(registry.get(id).phase, "running");
    await registry.write(id, { data: "it\n" });
    const { processes } = await registry.wait({ ids: [id], deadlineSeconds: 60 });
    assert.equal(processes[0]?.exit?.code, 7);
    assert.equal(registry.read(id).text, "begun\ngot it\n");
  });
}
