import { statSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import type { ControlParts } from "../gateway/index.ts";
import { nodeSystem, thisProgram } from "../system/index.ts";
import { serveControl } from "./control.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("the gateway's own socket is its owner's alone from its first moment, whatever mask the gateway was started with", async () => {
  const before = nodeProcess.umask(0);
  onTestFinished(() => void nodeProcess.umask(before));
  const path = join(temporaryFolder(), "gateway.sock");
  let first: number | null = null;
  const { clock } = nodeSystem();
  const close = await serveControl({
    path,
    clock,
    privately: (make) =>
      thisProgram().privately(() => {
        const made = make();
        first = modeOf(path);
        return made;
      }),
  } as Partial<ControlParts> as ControlParts);
  expect(first).toBe(0o700);
  expect(nodeProcess.umask()).toBe(0);
  await close();
});

test("a place for a descriptor is its owner's alone as well", () => {
  const before = nodeProcess.umask(0);
  onTestFinished(() => void nodeProcess.umask(before));
  const path = join(temporaryFolder(), "handover.sock");
  const place = nodeSystem().descriptors.expect(path);
  expect(modeOf(path)).toBe(0o600);
  expect(nodeProcess.umask()).toBe(0);
  place?.close();
});
