/** Start a server, wait until it listens, use it, end it with everything it has started. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import nodeProcess from "node:process";
import { inHome } from "./home.ts";

const server = `require("http").createServer((_, answer) => answer.end("hi")).listen(process.argv[1], "127.0.0.1")`;

await inHome(async (registry) => {
  const port = await freePort();
  const { id } = await registry.start({
    command: [nodeProcess.execPath, "-e", server, String(port)],
    name: "dev",
    owner: { kind: "library" },
  });
  const { reason } = await registry.wait({ ids: [id], until: { port }, deadlineSeconds: 60 });
  assert.equal(reason, "port");
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hi");
  const killed = await registry.kill(registry.resolve("dev"));
  console.log(killed.verdict, killed.exit?.signal);
  assert.equal(killed.exit?.cause, "killed");
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
