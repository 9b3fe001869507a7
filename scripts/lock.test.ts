import { expect, test } from "vitest";
import { completeLock, type Lock, platformOf } from "./lock.ts";

test.each([
  ["@biomejs/cli-darwin-arm64", { os: ["darwin"], cpu: ["arm64"] }],
  ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
  ["@oxc-parser/binding-linux-arm-gnueabihf", { os: ["linux"], cpu: ["arm"], libc: ["glibc"] }],
  ["@oxc-parser/binding-win32-ia32-msvc", { os: ["win32"], cpu: ["ia32"] }],
  ["@oxc-parser/binding-linux-ppc64-gnu", { os: ["linux"], cpu: ["ppc64"], libc: ["glibc"] }],
  ["@oxc-parser/binding-android-arm-eabi", { os: ["android"], cpu: ["arm"] }],
  ["left-pad", null],
])("%s tells its platform", (name, platform) => {
  expect(platformOf(name)).toEqual(platform);
});

test("what is missing is added once, what is there stays", () => {
  const lock: Lock = {
    packages: {
      "": { version: "1.0.0" },
      "node_modules/a": {
        version: "1.0.0",
        dev: true,
        optionalDependencies: { "a-darwin-x64": "1.0.0", "a-linux-x64": "1.0.0", "a-win32-x64": "1.0.0" },
      },
      "node_modules/a-linux-x64": { version: "1.0.0", optional: true },
      "node_modules/a/node_modules/a-win32-x64": { version: "1.0.0", optional: true },
      "node_modules/b": { version: "1.0.0" },
    },
  };
  expect(completeLock(lock)).toEqual(["a-darwin-x64"]);
  expect(lock.packages["node_modules/a-darwin-x64"]).toEqual({ version: "1.0.0", cpu: ["x64"], dev: true, optional: true, os: ["darwin"] });
  expect(Object.keys(lock.packages)).toEqual([
    "",
    "node_modules/a",
    "node_modules/a-darwin-x64",
    "node_modules/a-linux-x64",
    "node_modules/a/node_modules/a-win32-x64",
    "node_modules/b",
  ]);
  expect(completeLock(lock)).toEqual([]);
});

test("nothing is guessed", () => {
  expect(() => completeLock({ packages: { a: { optionalDependencies: { strange: "1.0.0" } } } })).toThrow("does not tell its platform");
  expect(() => completeLock({ packages: { a: { optionalDependencies: { "a-linux-x64": "^1.0.0" } } } })).toThrow("is not one version");
});
