import { expect, test } from "vitest";
import { fakeSystem } from "./fake/index.ts";
import { lookAtNames } from "./lookAtNames.ts";

function stage(options: { againMs?: () => number; blind?: boolean } = {}) {
  const system = fakeSystem();
  const { files, clock, machine } = system;
  files.makeFolder("/home");
  const looks: number[] = [];
  const blind: unknown[] = [];
  const told = {
    watch: () => {
      throw new Error("no watch is left");
    },
  };
  const seen = {
    stop: () => close(),
    onLook: () => {},
  };
  const close = lookAtNames(
    { clock, files: options.blind === true ? told : files },
    {
      folder: "/home",
      names: ["mine"],
      look: () => {
        looks.push(machine.time.nowMs);
        seen.onLook();
      },
      ...(options.againMs === undefined ? {} : { againMs: options.againMs }),
      blind: (error) => blind.push(error),
    },
  );
  const write = (name: string): void => files.replace(`/home/${name}`, "x", { durable: false });
  return { machine, looks, blind, write, close, seen };
}

test("there is a look at once, at each change of a name, and none at others'", async () => {
  const { machine, looks, blind, write, close } = stage();
  expect(looks).toHaveLength(1);
  write("other");
  await machine.time.advance(5_000);
  expect(looks).toHaveLength(1);
  write("mine");
  await machine.time.until("it is seen", () => looks.length > 1);
  close();
  close();
  const before = looks.length;
  write("mine");
  await machine.time.advance(5_000);
  expect(looks).toHaveLength(before);
  expect(blind).toEqual([]);
});

test("where nothing is told there are looks by the clock, as far apart as each time is said", async () => {
  const gaps = [100, 300, 1_000];
  const { machine, looks, blind, close } = stage({ againMs: () => gaps.shift() ?? 10_000, blind: true });
  const first = looks[0]!;
  await machine.time.advance(1_500);
  expect(looks.map((at) => at - first)).toEqual([0, 100, 400, 1_400]);
  expect(blind).toEqual([new Error("no watch is left")]);
  close();
  await machine.time.advance(20_000);
  expect(looks).toHaveLength(4);
});

test("a look may end it", async () => {
  const { machine, looks, write, seen } = stage({ againMs: () => 100 });
  seen.onLook = () => seen.stop();
  write("mine");
  await machine.time.advance(5_000);
  expect(looks).toHaveLength(2);
});
