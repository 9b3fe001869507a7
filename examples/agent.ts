/**
 * An agent that runs commands. MODEL_URL is any server that speaks OpenAI's protocol; the default is a local Ollama.
 *
 *     MODEL_URL=http://127.0.0.1:11434/v1 MODEL=qwen3 node examples/agent.ts "How much disk is free?"
 */
import nodeProcess from "node:process";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount } from "ai";
import { createAiTools } from "herma/ai";
import { nodeSystem } from "herma/processes";
import { inHome } from "./home.ts";

const { MODEL_URL: baseURL = "http://127.0.0.1:11434/v1", MODEL: name = "qwen3" } = nodeProcess.env;
const prompt = nodeProcess.argv[2] ?? "What does `echo hello` print?";

await inHome(async (registry) => {
  const model = createOpenAICompatible({ name: "local", baseURL })(name);
  const { tools } = await createAiTools({ registry, clock: nodeSystem().clock, transcriptReader: "example" });
  const { text } = await generateText({ model, tools, prompt, stopWhen: isStepCount(10) });
  console.log(text);
});
