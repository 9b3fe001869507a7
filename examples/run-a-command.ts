/** Run a command, wait for its end, read what it printed. */
import assert from "node:assert/strict";
import { inHome } from "./home.ts";

await inHome(async (registry) => {
  const { id } = await registry.start({ command: "echo hello; echo oh no >&2; exit 3", owner: { kind: "library" } });
  const { processes } = await registry.wait({ ids: [id] });
  const { text } = registry.read(id);
  console.log(text);
  assert.equal(processes[0]?.exit?.code, 3);
  assert.equal(text, "hello\noh no\n");
});
