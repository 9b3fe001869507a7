import { Hono } from "hono";
import { expect, test } from "vitest";
import { errorCatalogue } from "../contract/index.ts";
import { type OpenApi, openApiDocument } from "./openApi.ts";
import type { JsonSchema } from "./openApiTexts.ts";
import { addReference } from "./reference.ts";
import { referencePage } from "./referencePage.ts";
import { typeWords } from "./referenceWords.ts";
import { type Route, routes } from "./routes.ts";

const document = openApiDocument("9.9.9", routes);
const address = "http://127.0.0.1:7717";
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Tags that stand alone. */
const empty = new Set(["meta"]);

/** Walks a page: throws where a tag is not closed in its place, and returns its text and what its tags have. */
function read(page: string): { readonly text: string; readonly ids: string[]; readonly links: string[]; readonly tags: Set<string> } {
  const open: string[] = [];
  const ids: string[] = [];
  const links: string[] = [];
  const tags = new Set<string>();
  let text = "";
  let at = 0;
  for (const match of page.matchAll(/<(!doctype html|\/?[a-z][a-z0-9]*)((?: [a-z-]+="[^"<>]*")*)>/g)) {
    text += page.slice(at, match.index);
    at = match.index + match[0].length;
    const [, name = "", attributes = ""] = match;
    if (name === "!doctype html") continue;
    if (name.startsWith("/")) expect(open.pop(), `before ${page.slice(at, at + 60)}`).toBe(name.slice(1));
    else if (!empty.has(name)) open.push(name);
    tags.add(name.replace("/", ""));
    for (const [, key, value = ""] of attributes.matchAll(/ ([a-z-]+)="([^"]*)"/g)) {
      if (key === "id") ids.push(value);
      if (key === "href" || key === "src") links.push(value);
      expect(key).not.toMatch(/^on/);
    }
  }
  expect(open).toEqual([]);
  text += page.slice(at);
  // Whatever is left of a sign of HTML was meant as text, and is escaped.
  expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|#39);)/);
  return { text: plain(text), ids, links, tags };
}

function plain(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

test("the reference shows every call: what it takes, answers and refuses, and how it is made", () => {
  const { text, ids, links, tags } = read(referencePage(document, address));
  expect(operations).toHaveLength(Object.keys(routes).length);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of operations) {
    expect(ids).toContain(operation.operationId);
    expect(text).toContain(`${method.toUpperCase()} ${path}`);
    for (const { name } of operation.parameters ?? []) expect(text).toContain(name);
    for (const name of Object.keys(operation.requestBody?.content["application/json"]?.schema?.properties ?? {}))
      expect(text).toContain(name);
    for (const code of Object.values(operation.responses).flatMap((response) => response["x-codes"] ?? []))
      for (const told of [code, errorCatalogue[code].doc.replaceAll("`", ""), errorCatalogue[code].hint.replaceAll("`", "")])
        expect(text).toContain(told);
    expect(text).toContain(`${address}${path.replace("{ref}", "nap")}`);
  }
  for (const link of links) {
    if (link.startsWith("#")) expect(ids).toContain(link.slice(1));
    else expect(link).toMatch(/^\/[a-z.]*$/);
  }
  expect(tags).not.toContain("script");
  for (const shape of ["ProcessView", "ExitFile", "LimitsChange", "Problem"]) expect(ids).toContain(`shape-${shape}`);
  expect(text).toContain("exit.json`: how the process ended".replace("`", ""));
  expect(text).toContain("whole number, 1 to 1048576");
  expect(text).toContain("limits LimitsChange, required");
});

test("nothing that a document says is taken for HTML", () => {
  const evil = `<script>alert("1")</script>'&amp;`;
  const schema: JsonSchema = {
    title: "Shape",
    "x-about": evil,
    type: "object",
    required: [evil],
    properties: {
      [evil]: { type: "string", pattern: evil, description: `${evil} \`${evil}\``, default: evil },
      choice: { enum: [evil], description: evil },
      object: { type: "object", properties: { [evil]: { const: evil } } },
    },
  };
  const content = { "application/json": { schema, example: { [evil]: evil } } };
  const operation = {
    operationId: "call",
    summary: evil,
    tags: [evil],
    security: [{}],
    parameters: [{ name: evil, in: "query", description: evil, schema: { type: "string" } }],
    requestBody: { content },
    responses: { "200": { description: evil, content }, "201": { description: "", content: { [evil]: {} } } },
  };
  const strange: OpenApi = {
    info: { title: evil, version: evil, description: evil },
    components: { schemas: {} },
    paths: { [`/${evil}`]: { get: operation } },
  };
  const { text, tags } = read(referencePage(strange, address));
  expect(tags).not.toContain("script");
  expect(text.split(evil).length).toBeGreaterThan(20);
  // In the shell the quotes of it are quoted.
  expect(text).toContain(`'/${evil}`.slice(2).replaceAll("'", "'\\''"));
});

function undescribed(schema: JsonSchema | undefined, at: string): string[] {
  const own = Object.entries(schema?.properties ?? {}).flatMap(([key, inner]) => [
    ...((inner.description ?? "") === "" ? [`${at}.${key}`] : []),
    ...undescribed(inner, `${at}.${key}`),
  ]);
  return [
    ...own,
    ...[...(schema?.anyOf ?? []), ...(schema?.items === undefined ? [] : [schema.items])].flatMap((inner) => undescribed(inner, at)),
  ];
}

test("whatever a request may have says what it is for, and each example is one that is taken", () => {
  for (const { operation } of operations) {
    for (const { name, description } of operation.parameters ?? [])
      expect(description ?? "", `${operation.operationId} ${name}`).not.toBe("");
    expect(undescribed(operation.requestBody?.content["application/json"]?.schema, operation.operationId)).toEqual([]);
  }
  for (const [name, { body, example }] of Object.entries(routes) as [string, Route][]) {
    expect(example === undefined, name).toBe(body === undefined);
    if (body !== undefined) expect(body.safeParse(example).error, name).toBeUndefined();
  }
});

test.for<[JsonSchema, string]>([
  [{ type: "integer", minimum: 0 }, "whole number, 0 or more"],
  [{ type: ["number", "null"], exclusiveMinimum: 0, maximum: 9 }, "number, above 0, at most 9 or null"],
  [{ type: "string", minLength: 1 }, "text, not empty"],
  [{ type: "string", maxLength: 5 }, "text, at most 5 characters"],
  [{ type: "string", enum: ["a", "", null] }, 'one of a, ""'],
  [{ const: true }, "true"],
  [{ type: "array", items: { type: "string" }, maxItems: 3 }, "list of text, at most 3 of them"],
  [{ anyOf: [{ type: "boolean" }, { title: "Size", properties: {} }] }, "true or false, or Size"],
  [{ type: "object", additionalProperties: { type: "string" } }, "object, each key with text"],
  [{ type: "object", properties: { a: {}, b: {} } }, "object of a, b"],
  [{}, "anything"],
])("%j is told as: %s", ([schema, words]) => {
  const { before, shape, after } = typeWords(schema);
  expect(`${before}${shape ?? ""}${after}`).toBe(words);
});

test("it is served as a page that may run nothing, and reaches nothing elsewhere", async () => {
  const app = new Hono();
  addReference(app, { version: "9.9.9", routes });
  const answer = await app.request(`${address}/reference`);
  expect(answer.headers.get("content-type")).toContain("text/html");
  expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none';(?!.*script)/);
  const page = await answer.text();
  expect(page).toContain('name="viewport"');
  expect(page).toContain("color-scheme: light dark");
  expect(page).not.toMatch(/https?:\/\/(?!127\.0\.0\.1:7717)/);
  expect(await (await app.request(`${address}/openapi.json`)).json()).toEqual(JSON.parse(JSON.stringify(document)));
});
