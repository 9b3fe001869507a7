import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { type ErrorCode, errorCatalogue } from "../contract/index.ts";
import { addTexts, type JsonSchema } from "./openApiTexts.ts";
import type { Route } from "./routes.ts";

/** Refusals and faults that any request under /api may meet. */
const everywhere: readonly ErrorCode[] = ["BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN_HOST", "BODY_TOO_LARGE", "INTERNAL"];

const Problem = z.object({
  type: z.string().describe("A name made of the code: `urn:herma:error:` and the code in small letters."),
  title: z.string().describe("When this error happens."),
  status: z.int().describe("The HTTP status of the answer."),
  code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]).describe("Stable for ever: what a program decides by."),
  detail: z.string().describe("What happened this time."),
  hint: z.string().describe("What a person can do about it."),
  data: z.record(z.string(), z.unknown()).optional().describe("Facts for programs, such as the survivors of a kill."),
});

type Content = { readonly [mediaType: string]: { readonly schema?: JsonSchema; readonly example?: unknown } };
/** One call, as far as the reference page shows it. */
export type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    description?: string;
    readonly schema: JsonSchema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: {
    readonly [status: string]: { readonly description: string; readonly content?: Content; "x-codes"?: readonly ErrorCode[] };
  };
};
export type OpenApi = {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
};

const refAbout = "The process: its id, the first 4 or more digits of its id, or its name.";

/** The OpenAPI 3.1 description, made of the same table that checks the requests. Slow to make: its libraries, and every schema, are loaded for it. */
export function openApiDocument(version: string, routes: Readonly<Record<string, Route>>): OpenApi {
  const app = new OpenAPIHono();
  const problem = app.openAPIRegistry.register("Problem", Problem);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "The owner's token, the file `token` in the home.",
  });
  for (const [name, route] of Object.entries(routes)) app.openAPIRegistry.registerPath(described(name, route, problem));
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Herma",
      version,
      description: "Processes that outlive the gateway. Errors are problem details (RFC 9457) with a stable `code`.",
    },
  }) as unknown as OpenApi;
  for (const route of Object.values(routes)) explain(document.paths[pathOf(route)]?.[route.method], route);
  return document;
}

function pathOf(route: Route): string {
  return route.path.replace(/:(\w+)/g, "{$1}");
}

/** What stands beside the schemas: what each field is for, and which errors hide behind a status. */
function explain(operation: Operation | undefined, route: Route): void {
  if (operation === undefined) return;
  const query: JsonSchema = { properties: {} };
  for (const parameter of operation.parameters ?? []) {
    if (parameter.in === "path") parameter.description = refAbout;
    else query.properties = { ...query.properties, [parameter.name]: parameter.schema };
  }
  if (route.query !== undefined) addTexts(route.query, query);
  for (const parameter of operation.parameters ?? []) {
    const { description } = parameter.schema;
    if (description === undefined) continue;
    parameter.description = description;
    delete parameter.schema.description;
  }
  if (route.body !== undefined) addTexts(route.body, operation.requestBody?.content["application/json"]?.schema);
  if (typeof route.answer !== "string") addTexts(route.answer, operation.responses[route.status]?.content?.["application/json"]?.schema);
  for (const [status, codes] of codesOf(route)) {
    const response = operation.responses[status];
    if (response !== undefined) response["x-codes"] = codes;
  }
}

/** The errors of a call by their HTTP status. */
function codesOf(route: Route): ReadonlyMap<number, readonly ErrorCode[]> {
  const guarded = route.path.startsWith("/api/");
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of [...route.errors, ...(guarded ? everywhere : (["FORBIDDEN_HOST"] as const))])
    statuses.set(errorCatalogue[code].http, [...(statuses.get(errorCatalogue[code].http) ?? []), code]);
  return statuses;
}

function described(name: string, route: Route, problem: z.ZodType) {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? "");
  const answer = {
    ...(typeof route.answer === "string" ? { [route.answer]: { schema: z.string() } } : { "application/json": { schema: route.answer } }),
    ...(route.bytes === true ? { "application/octet-stream": { schema: z.string() } } : {}),
  };
  const responses: Record<number, { description: string; content: Record<string, { schema: z.ZodType }> }> = {
    [route.status]: { description: route.summary, content: answer },
  };
  for (const [status, codes] of codesOf(route)) {
    responses[status] = {
      description: codes.map((code) => `${code}: ${errorCatalogue[code].doc}`).join(" "),
      content: { "application/problem+json": { schema: problem } },
    };
  }
  const body = { schema: route.body ?? z.object({}), ...(route.example === undefined ? {} : { example: route.example }) };
  return createRoute({
    operationId: name,
    method: route.method,
    path: pathOf(route),
    tags: [tagOf(route.path)],
    summary: route.summary,
    security: guardedByToken(route) ? [{ token: [] }] : [],
    request: {
      ...(parameters.length === 0 ? {} : { params: z.object(Object.fromEntries(parameters.map((parameter) => [parameter, z.string()]))) }),
      ...(route.query === undefined ? {} : { query: route.query }),
      ...(route.body === undefined ? {} : { body: { content: { "application/json": body } } }),
    },
    responses,
  });
}

function guardedByToken(route: Route): boolean {
  return route.path.startsWith("/api/") || route.errors.includes("UNAUTHORIZED");
}

function tagOf(path: string): string {
  if (path.startsWith("/api/processes")) return "Processes";
  if (path === "/api/notices" || path === "/api/events") return "News";
  return path.startsWith("/api/gateway/") || path === "/api/login-links" ? "Gateway" : "How it is";
}
