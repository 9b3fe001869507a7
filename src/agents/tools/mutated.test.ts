import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProcessId } from "../../contract/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { fakeRegistry } from "../testing/fakeRegistry.ts";
import { mutatedCalls, wrongAnswer } from "../testing/mutatedCalls.ts";
import { createTools } from "./createTools.ts";

const { clock } = nodeSystem();

test("ten thousand calls gone wrong: each is answered with a result or a sentence that helps", async () => {
  const fake = fakeRegistry();
  const tools = createTools({ registry: fake.registry, clock, transcriptReader: "r", session: "s", pollSeconds: 0 });
  const references: string[] = [];
  for (const input of [{}, { pty: true }, { stdin: "pipe", name: "dev" }, { command: "true" }]) {
    const { content } = await tools.terminal.run({ command: "sleep 9", background: true, ...input });
    references.push(content.session_id as string);
  }
  references.push("dev", "nothing", "proc_00000000");
  let refused = 0;
  const calls = mutatedCalls({ commands: ["true", "echo x", "fail", "npm start &"], references });
  await fc.assert(
    fc.asyncProperty(calls, async ({ tool, input }) => {
      const result = await tools[tool].run(input);
      result.acknowledge();
      if (result.failed) refused += 1;
      expect(wrongAnswer(result)).toBeNull();
      // Too many of them would only be slow.
      if (fake.processes.size > 200) for (const id of [...fake.processes.keys()].slice(4)) fake.processes.delete(id as ProcessId);
    }),
    { numRuns: 10_000 },
  );
  // Both kinds came up, so the calls are neither all nonsense nor all fine.
  expect(refused).toBeGreaterThan(1000);
  expect(refused).toBeLessThan(9000);
});
