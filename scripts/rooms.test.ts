import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../test/setup/folders.ts";
import { importsOf } from "./rooms/imports.ts";
import { pictureBegin, pictureEnd, withPicture } from "./rooms/picture.ts";
import { checkRooms } from "./rooms.ts";

const table = {
  about: "a small house",
  everywhere: { permits: ["node:path"], typePermits: ["node:stream"] },
  rooms: [
    { name: "top", floor: 3, about: "above", permits: [], packages: [], files: { "main.ts": ["node:process"] } },
    { name: "left", floor: 2, about: "a stranger", permits: ["node:http"], packages: ["hono", "@ai-sdk/*"] },
    { name: "right", floor: 2, about: "a stranger", permits: [], packages: [] },
    { name: "ground", floor: 1, about: "below", permits: ["node:*"], packages: [] },
  ],
  outside: [{ folder: "dashboard", about: "apart", rooms: ["ground"] }],
};

const house = {
  "src/top/index.ts": `export {};`,
  "src/left/index.ts": `export {};`,
  "src/right/index.ts": `export {};`,
  "src/ground/index.ts": `export {};`,
  "src/ground/deep.ts": `export {};`,
  "src/ground/fake/index.ts": `export {};`,
  "test/setup/folders.ts": `export {};`,
};

function faultsOf(files: Record<string, string>): string[] {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries({ "rooms.json": JSON.stringify(table), ...house, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkRooms(root).faults.map((fault) => `${fault.path}:${fault.line}: ${fault.message}`);
}

test("a good house has no faults", () => {
  const faults = faultsOf({
    "src/top/a.ts": `import { join } from "node:path"; import type { Readable } from "node:stream"; import "../left/index.ts"; import "./b.ts"; new Date(0); clock.now();`,
    "src/top/b.ts": `export type T = import("../ground/index.ts").T; const later = () => import("../right/index.ts");`,
    "src/top/main.ts": `import nodeProcess from "node:process";`,
    "src/top/a.test.ts": `import "vitest"; import "node:fs"; import "./a.ts"; import "../ground/fake/index.ts"; import "../../test/setup/folders.ts";`,
    "src/left/testing/help.ts": `import "node:fs"; import "vitest"; import "../../../test/setup/folders.ts"; import "../../ground/fake/index.ts";`,
    "src/left/help.test.ts": `import "./testing/help.ts";`,
    "src/left/a.ts": `import "node:http"; import "hono/client"; import "@ai-sdk/openai";`,
    "src/ground/a.ts": `import "node:fs"; Date.now(); import { createRequire } from "node:module"; const r = createRequire(import.meta.url); r("x");`,
    "src/index.ts": `export * from "./top/index.ts";`,
    "src/testing.ts": `export * from "./ground/fake/index.ts";`,
    "dashboard/src/main.tsx": `import "react"; import "../../src/ground/index.ts"; import "./other.tsx"; setTimeout(f, 5);`,
    "dashboard/src/other.tsx": `export const a = <b>c</b>;`,
  });
  expect(faults).toEqual([]);
});

describe("planted faults are told with file and line", () => {
  test.each<[string, Record<string, string>, string]>([
    ["up", { "src/left/a.ts": `\nimport "../top/index.ts";` }, "src/left/a.ts:2: left (floor 2) may not look up to top (floor 3)"],
    ["stranger", { "src/left/a.ts": `import "../right/index.ts";` }, "left and right are strangers on floor 2"],
    ["stranger's types", { "src/left/a.ts": `import type { T } from "../right/index.ts";` }, "left and right are strangers on floor 2"],
    ["past the door", { "src/top/a.ts": `import "../ground/deep.ts";` }, "deep.ts is inside ground; import ground/index.ts"],
    ["re-export", { "src/left/a.ts": `export * from "../top/index.ts";` }, "may not look up"],
    ["named re-export", { "src/left/a.ts": `export { x } from "../top/index.ts";` }, "may not look up"],
    ["dynamic", { "src/left/a.ts": `await import("../top/index.ts");` }, "may not look up"],
    ["template", { "src/left/a.ts": "await import(`../top/index.ts`);" }, "may not look up"],
    ["in a type", { "src/left/a.ts": `type T = import("../top/index.ts").T;` }, "may not look up"],
    ["require", { "src/left/a.ts": `declare const require: any; require("node:fs");` }, "left has no permit for node:fs"],
    [
      "require named otherwise",
      { "src/left/a.ts": `declare const localRequire: any; localRequire("koffi");` },
      "no permit for the package koffi",
    ],
    ["computed", { "src/left/a.ts": `await import("./" + name);` }, "a computed import cannot be checked"],
    ["node", { "src/left/a.ts": `import "node:fs";` }, "left has no permit for node:fs"],
    ["node's types", { "src/left/a.ts": `import type { Stats } from "node:fs";` }, "left has no permit for node:fs"],
    ["stream as a value", { "src/left/a.ts": `import { Readable } from "node:stream";` }, "may import its types only"],
    [
      "stream, a type inside a value import",
      { "src/left/a.ts": `import { type Readable } from "node:stream";` },
      "may import its types only",
    ],
    ["another file's permit", { "src/top/a.ts": `import "node:process";` }, "top has no permit for node:process"],
    ["package", { "src/right/a.ts": `import "hono";` }, "right has no permit for the package hono"],
    ["package in a scope", { "src/right/a.ts": `import "@ai-sdk/openai/x";` }, "no permit for the package @ai-sdk/openai"],
    ["the fake in production", { "src/left/a.ts": `import "../ground/fake/index.ts";` }, "is for tests; only tests"],
    ["a test imported", { "src/left/a.test.ts": "", "src/left/b.test.ts": `import "./a.test.ts";` }, "nothing imports a test"],
    ["a helper in a fake", { "src/left/testing/a.ts": "", "src/left/fake/b.ts": `import "../testing/a.ts";` }, "is a helper of tests"],
    ["a shipped fake on Node", { "src/left/fake/b.ts": `import "node:fs";` }, "left has no permit for node:fs"],
    ["the clock", { "src/left/a.ts": `const now = Date.now();` }, "left has no permit for global:Date.now"],
    ["the clock by a date", { "src/left/a.ts": `const now = new Date();` }, "left has no permit for global:new Date"],
    ["chance", { "src/left/a.ts": `const x = Math.random();` }, "global:Math.random"],
    ["a timer", { "src/left/a.ts": `setTimeout(() => {}, 5);` }, "global:setTimeout"],
    ["absent", { "src/left/a.ts": `import "./gone.ts";` }, "src/left/gone.ts does not exist"],
    ["without ending", { "src/left/b.ts": "", "src/left/a.ts": `import "./b";` }, "src/left/b does not exist"],
    ["out of src", { "src/left/a.ts": `import "../../test/setup/folders.ts";` }, "test/setup/folders.ts is outside of src"],
    ["unknown folder", { "src/attic/a.ts": "" }, "src/attic:0: this folder is not in rooms.json"],
    [
      "circle",
      { "src/left/a.ts": `import "./b.ts";`, "src/left/b.ts": `\nimport type {} from "./a.ts";` },
      "circle: src/left/a.ts -> src/left/b.ts -> src/left/a.ts",
    ],
    ["itself", { "src/left/a.ts": `import "./a.ts";` }, "circle: src/left/a.ts -> src/left/a.ts"],
    ["syntax", { "src/left/a.ts": `import {` }, "does not parse"],
    ["a door that works", { "src/index.ts": `import "hono";` }, "a door only opens rooms"],
    ["the package's own door", { "src/index.ts": "", "src/left/a.ts": `import "../index.ts";` }, "is a door of the package"],
    ["the dashboard looks in", { "dashboard/a.ts": `import "../src/left/index.ts";` }, "dashboard may not know left"],
    ["the dashboard on Node", { "dashboard/a.ts": `import "node:path";` }, "does not exist in a browser"],
  ])("%s", (_what, files, said) => {
    const faults = faultsOf(files);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(said);
  });
});

test("a knot of files is told once", () => {
  const faults = faultsOf({
    "src/left/a.ts": `import "./b.ts";`,
    "src/left/b.ts": `import "./c.ts";`,
    "src/left/c.ts": `import "./a.ts"; import "./b.ts";`,
  });
  expect(faults).toEqual(["src/left/a.ts:1: circle: src/left/a.ts -> src/left/b.ts -> src/left/c.ts -> src/left/a.ts"]);
});

test("comments and texts are no imports", () => {
  expect(importsOf("a.ts", `// import "x"\nconst a = 'import "y"'; /* require("z") */`)).toEqual([]);
});

test("the picture goes between its markers, and a page without them is told", () => {
  const page = `before\n${pictureBegin}\nold\n${pictureEnd}\nafter\n`;
  expect(withPicture(page, "new")).toBe(`before\n${pictureBegin}\nnew\n${pictureEnd}\nafter\n`);
  expect(withPicture("no markers", "new")).toBeNull();
});

test("this house's table is good and its imports are read", () => {
  const report = checkRooms(resolve(import.meta.dirname, ".."));
  expect(report.imports).toBeGreaterThan(50);
  for (const room of ["contract", "rules", "system", "keeper", "gateway", "cli"]) expect(report.picture).toContain(room);
});
