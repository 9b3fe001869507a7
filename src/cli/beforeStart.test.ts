import { expect, test } from "vitest";
import { HermaError } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { askedVariables, heldBack, startOrSay } from "./beforeStart.ts";

const start = { command: "true", owner: { kind: "cli" } } as const;

function failing(error: unknown): Registry {
  return { start: () => Promise.reject(error) } as unknown as Registry;
}

test("a start without an answer says that it may still happen, and where to look", async () => {
  const silent = new HermaError("KEEPER_SILENT", "the keeper v1 does not answer", { data: { id: "proc_0123456789ab" } });
  await expect(startOrSay(failing(silent), start)).rejects.toMatchObject({
    code: "KEEPER_SILENT",
    message: expect.stringMatching(/does not answer; proc_0123456789ab may still be started/),
    hint: expect.stringMatching(/^Look with `herma inspect proc_0123456789ab` before you start it again\. /),
    data: { id: "proc_0123456789ab" },
  });
});

test.each([
  new HermaError("KEEPER_UNAVAILABLE", "no keeper"),
  new HermaError("NAME_TAKEN", "taken", { data: { id: "proc_0123456789ab" } }),
  new Error("other"),
])("%s is told as it is: nothing was started", async (error) => {
  await expect(startOrSay(failing(error), start)).rejects.toBe(error);
});

test("variables that are asked for pass; what is held back is named unless it is passed or asked for", () => {
  const ours = { GH_TOKEN: "g", PLAIN: "p" };
  expect(askedVariables(["GH_TOKEN", "PLAIN", "ABSENT", "A=b=c", "EMPTY="], ours)).toEqual({
    _HERMA_FORCE_GH_TOKEN: "g",
    PLAIN: "p",
    A: "b=c",
    EMPTY: "",
  });
  for (const wrong of ["=x", "", "HERMA_TOKEN", "HERMES_DRAIN_SECRET=x"]) expect(() => askedVariables([wrong], ours)).toThrow(HermaError);
  const all = { GH_TOKEN: "g", OPENAI_API_KEY: "o", HF_TOKEN: "h", PLAIN: "p", _HERMA_FORCE_HF_TOKEN: "h" };
  expect(heldBack(all, [])).toEqual(["GH_TOKEN", "OPENAI_API_KEY"]);
  expect(heldBack(all, ["gh_token"])).toEqual(["OPENAI_API_KEY"]);
});
