import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { type ErrorCode, errorCatalogue } from "../contract/index.ts";
import { type Route, routes } from "./routes.ts";

/** Refusals and faults that any request under /api may meet. */
const everywhere: readonly ErrorCode[] = ["BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN_HOST", "BODY_TOO_LARGE", "INTERNAL"];

const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string(),
  hint: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
});

let made: { version: string; document: object } | null = null;

/** The OpenAPI 3.1 description, made of the same table that checks the requests. Made at the first wish: its libraries are slow to load. */
export function openApiDocument(version: string): object {
  if (made?.version === version) return made.document;
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
  });
  made = { version, document };
  return document;
}

function described(name: string, route: Route, problem: z.ZodType) {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? "");
  const guarded = route.path.startsWith("/api/");
  const refusals = [...route.errors, ...(guarded ? everywhere : (["FORBIDDEN_HOST"] as const))];
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of refusals) statuses.set(errorCatalogue[code].http, [...(statuses.get(errorCatalogue[code].http) ?? []), code]);
  const answer =
    typeof route.answer === "string" ? { [route.answer]: { schema: z.string() } } : { "application/json": { schema: route.answer } };
  const responses: Record<number, { description: string; content: Record<string, { schema: z.ZodType }> }> = {
    [route.status]: { description: route.summary, content: answer },
  };
  for (const [status, codes] of statuses) {
    responses[status] = {
      description: codes.map((code) => `${code}: ${errorCatalogue[code].doc}`).join(" "),
      content: { "application/problem+json": { schema: problem } },
    };
  }
  return createRoute({
    operationId: name,
    method: route.method,
    path: route.path.replace(/:(\w+)/g, "{$1}"),
    summary: route.summary,
    security: guarded ? [{ token: [] }] : [],
    request: {
      ...(parameters.length === 0 ? {} : { params: z.object(Object.fromEntries(parameters.map((parameter) => [parameter, z.string()]))) }),
      ...(route.query === undefined ? {} : { query: route.query }),
      ...(route.body === undefined ? {} : { body: { content: { "application/json": { schema: route.body } } } }),
    },
    responses,
  });
}
