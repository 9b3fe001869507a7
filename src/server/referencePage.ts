import { html } from "hono/html";
import { type ErrorCode, errorCatalogue } from "../contract/index.ts";
import type { OpenApi, Operation } from "./openApi.ts";
import type { JsonSchema } from "./openApiTexts.ts";
import { framed } from "./page.ts";
import { type Field, fieldsOf, isShape, shapesIn, typeWords } from "./referenceWords.ts";

type Html = ReturnType<typeof html>;
type Call = { readonly path: string; readonly method: string; readonly operation: Operation };

/** Beyond what every page of ours has. */
const style = `
nav ul { padding-left: 1.2rem; }
nav li, dt, .call { overflow-wrap: anywhere; }
section { margin-top: 2.5rem; }
h3 { margin-bottom: 0.25rem; overflow-wrap: anywhere; }
dl { margin: 0.5rem 0 1rem; }
dt { margin-top: 0.6rem; }
dd { margin: 0 0 0 1rem; }
summary { cursor: pointer; margin: 0.4rem 0; }
.soft { opacity: 0.75; }
.method { font-weight: 700; }
`;

/** A longer command is broken, so that it can be read on a phone. */
const lineCharacters = 60;

/** The API for people: every call of the document, what it takes and answers, which errors it has, and how to make it. `address`: of this server. */
export function referencePage(document: OpenApi, address: string): string {
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Call => ({ path, method: method.toUpperCase(), operation })),
  );
  const groups = [...new Set(calls.map(({ operation }) => operation.tags[0] ?? ""))];
  const inGroup = (group: string) => calls.filter(({ operation }) => (operation.tags[0] ?? "") === group);
  return framed(
    "Herma: API",
    html`<h1>${document.info.title}: HTTP API</h1>
<p>Version ${document.info.version}. ${ticked(document.info.description)} Programs read the same from <a href="/openapi.json">/openapi.json</a>.</p>
<p>Calls under <code>/api/</code> want <code>Authorization: Bearer</code> with the owner's token, which stands in the file <code>token</code> in the home
(<code>~/.herma</code> unless chosen otherwise). Keys that a request may not have are refused, and named.</p>
<nav aria-label="Calls">${groups.map((group) => groupList(group, inGroup(group)))}<p><a href="#shapes">Shapes</a></p></nav>
<main>
${groups.map((group) => html`<h2>${group}</h2>\n${inGroup(group).map((call) => callSection(call, address))}`)}
${shapesPart(document, calls)}
</main>`,
    style,
  );
}

function groupList(group: string, calls: readonly Call[]): Html {
  const items = calls.map(({ path, method, operation }) => html`<li><a href="#${operation.operationId}">${method} ${path}</a></li>`);
  return html`<p><strong>${group}</strong></p><ul>${items}</ul>`;
}

function callSection(call: Call, address: string): Html {
  const { path, method, operation } = call;
  const parameters = (operation.parameters ?? []).map(
    ({ name, required, description, schema }): Field => ({
      name,
      required: required === true,
      schema: description === undefined ? schema : { ...schema, description },
    }),
  );
  const places = new Map((operation.parameters ?? []).map(({ name, in: place }) => [name, place]));
  const body = operation.requestBody?.content["application/json"];
  return html`<section id="${operation.operationId}">
<h3 class="call"><span class="method">${method}</span> <code>${path}</code></h3>
<p>${ticked(operation.summary)}${operation.security.length === 0 ? html` <span class="soft">Without a token as well.</span>` : ""}</p>
${fieldList(
  "In the path",
  parameters.filter(({ name }) => places.get(name) === "path"),
)}
${fieldList(
  "In the query",
  parameters.filter(({ name }) => places.get(name) === "query"),
)}
${body?.schema === undefined ? "" : fieldList("In the body (JSON)", fieldsOf(body.schema))}
${answers(operation)}
${errors(operation)}
<pre>${curl(call, address, body?.example)}</pre>
</section>`;
}

function fieldList(title: string, fields: readonly Field[]): Html | "" {
  return fields.length === 0 ? "" : html`<h4>${title}</h4>${fieldTerms(fields, true)}`;
}

/** @param asked true for what a client sends; only there is it said which fields are required */
function fieldTerms(fields: readonly Field[], asked: boolean): Html {
  const terms = fields.map(({ name, required, schema }) => {
    const standard = schema.default === undefined ? "" : `, default ${JSON.stringify(schema.default)}`;
    const must = asked && required ? html`, <strong>required</strong>` : !asked && !required ? ", may be absent" : "";
    return html`<dt><code>${name}</code> <span class="soft">${typeText(schema)}${standard}${must}</span></dt><dd>${ticked(schema.description ?? "")}</dd>`;
  });
  return html`<dl>${terms}</dl>`;
}

function typeText(schema: JsonSchema): Html {
  const { before, shape, after } = typeWords(schema);
  return html`${before}${shape === null ? "" : html`<a href="#shape-${shape}">${shape}</a>`}${after}`;
}

function answers({ responses }: Operation): Html[] {
  return Object.entries(responses)
    .filter(([, { "x-codes": codes }]) => codes === undefined)
    .flatMap(([status, { content }]) =>
      Object.entries(content ?? {}).map(([mediaType, { schema }]) => {
        const head = html`<h4>Answers ${status}: ${mediaType}</h4>`;
        if (schema === undefined || mediaType !== "application/json") return head;
        if (isShape(schema)) return html`${head}<p>${typeText(schema)}</p>`;
        const fields = fieldsOf(schema);
        return fields.length === 0 ? head : html`${head}<details><summary>Its keys</summary>${fieldTerms(fields, false)}</details>`;
      }),
    );
}

function errors({ responses }: Operation): Html | "" {
  const rows = Object.entries(responses).flatMap(([status, { "x-codes": codes }]) =>
    (codes ?? []).map((code: ErrorCode) => {
      const { doc, hint } = errorCatalogue[code];
      return html`<dt>${status} <code>${code}</code></dt><dd>${ticked(doc)} <span class="soft">${ticked(hint)}</span></dd>`;
    }),
  );
  return rows.length === 0 ? "" : html`<details><summary>Errors (${rows.length})</summary><dl>${rows}</dl></details>`;
}

/** Each shape once, whichever calls have it. */
function shapesPart(document: OpenApi, calls: readonly Call[]): Html {
  const shapes = new Map<string, JsonSchema>();
  for (const { operation } of calls) {
    const body = operation.requestBody?.content["application/json"]?.schema;
    // The body's own keys stand at its call.
    for (const inner of [...Object.values(body?.properties ?? {}), ...(body?.anyOf ?? [])]) shapesIn(inner, shapes);
    for (const { content } of Object.values(operation.responses)) shapesIn(content?.["application/json"]?.schema, shapes);
  }
  const problem = document.components.schemas.Problem;
  if (problem !== undefined)
    shapes.set("Problem", { description: "What every error answers (application/problem+json).", ...problem, title: "Problem" });
  const parts = [...shapes]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(
      ([name, schema]) =>
        html`<section id="shape-${name}"><h3>${name}</h3><p>${ticked(schema["x-about"] ?? schema.description ?? "")}</p>${fieldTerms(fieldsOf(schema), false)}</section>`,
    );
  return html`<h2 id="shapes">Shapes</h2>${parts}`;
}

/** Text with `words` in backticks as code. Everything of it is escaped. */
function ticked(text: string): (string | Html)[] {
  return text.split("`").map((part, at) => (at % 2 === 0 ? part : html`<code>${part}</code>`));
}

function curl({ path, method, operation }: Call, address: string, example: unknown): string {
  const url = `${address}${path.replace("{ref}", "nap")}`;
  const words = [
    operation.responses["200"]?.content?.["text/event-stream"] === undefined ? "curl" : "curl -N",
    ...(operation.security.length === 0 ? [] : ['-H "Authorization: Bearer $(cat ~/.herma/token)"']),
    ...(method === "GET" || (method === "POST" && example !== undefined) ? [] : [`-X ${method}`]),
    ...(example === undefined ? [] : [`-H 'content-type: application/json' -d ${shellWord(JSON.stringify(example))}`]),
    shellWord(url),
  ];
  const line = words.join(" ");
  return line.length <= lineCharacters ? line : words.join(" \\\n  ");
}

function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
