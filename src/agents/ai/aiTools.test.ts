import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, streamText } from "ai";
import { expect, test } from "vitest";
import { type ModelRequest, type ModelTurn, startModelServer } from "../../../test/fixtures/modelServer.ts";
import type { ProcessId } from "../../contract/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { createAiTools } from "../index.ts";
import { fakeRegistry } from "../testing/fakeRegistry.ts";

const { clock } = nodeSystem();

async function setUp(script: readonly (ModelTurn | ((request: ModelRequest) => ModelTurn))[]) {
  const fake = fakeRegistry();
  const view = await fake.registry.start({ command: "sleep 9", name: "job", owner: { kind: "tool", session: "s" } });
  const server = await startModelServer(script);
  const model = createOpenAICompatible({ name: "scripted", baseURL: server.url, includeUsage: true })("scripted");
  const ai = await createAiTools({ registry: fake.registry, clock, transcriptReader: "agent", session: "s", pollSeconds: 0 });
  return { fake, id: view.id as ProcessId, server, model, ai };
}

const poll: ModelTurn = { calls: [{ name: "process", input: { action: "poll", session_id: "job" } }] };

/** What the tool said last, as the model got it. */
function lastAnswer(request: ModelRequest | undefined): Record<string, unknown> {
  const content = request?.messages.at(-1)?.content;
  return JSON.parse(String(content)) as Record<string, unknown>;
}

test("output is shown once: what a step was told counts as read when the next call comes with it", async () => {
  const { fake, id, server, model, ai } = await setUp([
    poll,
    () => {
      fake.print(id, "two\n");
      return poll;
    },
    { text: "done" },
  ]);
  fake.print(id, "one\n");
  const { text, responseMessages } = await generateText({ model, tools: ai.tools, prompt: "go", stopWhen: isStepCount(5), maxRetries: 0 });
  expect(text).toBe("done");
  expect(lastAnswer(server.requests[1])).toMatchObject({ output_preview: "one\n" });
  expect(lastAnswer(server.requests[2])).toMatchObject({ output_preview: "two\n" });

  // Nobody has said yet that the last answer was kept.
  const direct = () =>
    ai.tools.process.execute?.({ action: "poll", session_id: "job" }, { toolCallId: "direct", messages: [], context: {} });
  expect(await direct()).toMatchObject({ output_preview: "two\n" });
  ai.acknowledge(responseMessages);
  expect(await direct()).toEqual({ session_id: id, status: "running", cursor: 8 });
});

test("a model that streams gets the same, and its mistakes come back as sentences", async () => {
  const { server, model, ai } = await setUp([
    { calls: [{ name: "terminal", input: { cmd: "ls" } }] },
    { calls: [{ name: "terminal", input: { command: "true" } }] },
    { text: "done" },
  ]);
  const result = streamText({ model, tools: ai.tools, prompt: "go", stopWhen: isStepCount(5), maxRetries: 0 });
  expect(await result.text).toBe("done");
  expect(lastAnswer(server.requests[1])).toMatchObject({ exit_code: -1, error: expect.stringContaining("use command") });
  expect(lastAnswer(server.requests[2])).toMatchObject({ exit_code: 0, state: "ended" });
  expect(server.requests[0]?.tools?.map((tool) => tool.function.name)).toEqual(["terminal", "process"]);
});
