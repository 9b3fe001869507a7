import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { readDiary } from "../lifecycle/index.ts";
import { nodeSystem, thisProgram } from "../system/index.ts";
import { serveDaemon } from "./serveDaemon.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, setLevel: () => {}, flush: async () => {} };

test("what a daemon throws at its start comes back as an error of the catalogue, with its cause, and stands in the diary", async () => {
  const home = temporaryFolder();
  const system = nodeSystem();
  const program = { ...thisProgram(), onSignals: () => () => {}, onUncaught: () => () => {}, onExit: () => () => {} };
  const cause = new Error("the port of the counter is taken");
  const running = serveDaemon({
    ...{ home, system, program },
    log: quiet,
    start: () => {
      throw cause;
    },
  });
  await expect(running).rejects.toMatchObject({ code: "GATEWAY_START_FAILED", message: cause.message, cause, row: { exit: 1 } });
  const entry = readDiary(system.files, home).at(-1);
  expect(entry).toMatchObject({ event: "exit", reason: "failed_start", exit_code: 1 });
  expect(entry?.stack).toContain("serveDaemon.test.ts");
});
