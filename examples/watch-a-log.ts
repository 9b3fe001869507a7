/** Wait for a line in the output of something that goes on, then for the next one behind it. */
import assert from "node:assert/strict";
import { inHome } from "./home.ts";

await inHome(async (registry) => {
  const { id } = await registry.start({
    command: "echo starting; echo ERROR no disk; read go; echo ERROR no network; read end",
    stdin: "pipe",
    owner: { kind: "library" },
  });
  const first = await registry.wait({ ids: [id], until: { match: "ERROR" }, deadlineSeconds: 60 });
  assert.equal(first.reason, "match");
  // Every write tells where the output stood: what comes behind it is the answer to it.
  const { offset } = await registry.write(id, { data: "\n" });
  const second = await registry.wait({ ids: [id], until: { match: "ERROR" }, after: offset, deadlineSeconds: 60 });
  assert.equal(second.reason, "match");
  const { text } = registry.read(id, { since: offset });
  console.log(text);
  assert.equal(text, "ERROR no network\n");
});
