import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { deadline, until } from "../../../test/setup/waiting.ts";
import { openRegistry } from "../../processes/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { serveMcp } from "./lazily.ts";

const system = nodeSystem();

function serve() {
  const registry = openRegistry({ home: temporaryFolder(), system, clientName: "test" });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  const [input, output] = [new PassThrough(), new PassThrough()];
  let told = "";
  output.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  const over = serveMcp({ registry, clock: system.clock, version: "1", reader: "test" }, input, output);
  return { input, over: deadline(over, 30_000, "the connection ends"), told: () => told };
}

test("a client that talks nonsense is answered where it can be, and goes on to be served", async () => {
  const { input, over, told } = serve();
  const send = (message: unknown): void => void input.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
  for (const noise of ["noise", "{", "[]", "null", "42", {}, { jsonrpc: "1.0", id: 1, method: "x" }, "\0\u001b[2J"]) send(noise);
  input.write(Buffer.from([0xff, 0xfe, 0x0a]));
  send("x".repeat(1_000_000));
  send({ jsonrpc: "2.0", method: "notifications/cancelled" });
  send({ jsonrpc: "2.0", id: 2, method: "no/such" });
  send({ jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "__proto__", arguments: {} } });
  send({ jsonrpc: "2.0", id: 4, method: "tools/call", params: { name: "terminal", arguments: [1] } });
  send({ jsonrpc: "2.0", id: 5, method: "resources/read", params: { uri: "herma://processes/%E0%A4%A/output" } });
  send({ jsonrpc: "2.0", id: 6, method: "tools/call", params: { name: "process", arguments: { action: "list" } } });
  await until("all is answered", () => [2, 3, 4, 5, 6].every((id) => told().includes(`"id":${id}`)));
  expect(told()).toContain("Method not found");
  expect(told()).toContain("use terminal or process");
  expect(told()).toContain("processes");
  input.end();
  await over;
});

test("a message that is too long ends the connection, and that is said", async () => {
  const { input, over } = serve();
  const refused = expect(over).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  const chunk = Buffer.alloc(1_048_576, "x");
  for (let count = 0; count < 11; count += 1) input.write(chunk);
  await refused;
});
