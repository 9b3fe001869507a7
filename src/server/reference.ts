import type { Hono } from "hono";
import type { OpenApi } from "./openApi.ts";
import { pagePolicy } from "./page.ts";
import type { Route } from "./routes.ts";

/** `/openapi.json` and `/reference`: the calls that this server answers, for programs and for people. Made once, at the first request. */
export function addReference(
  app: Hono,
  { version, routes }: { readonly version: string; readonly routes: Readonly<Record<string, Route>> },
): void {
  let made: Promise<OpenApi> | null = null;
  const document = (): Promise<OpenApi> =>
    (made ??= import("./openApi.ts").then(({ openApiDocument }) => openApiDocument(version, routes)));
  app.get("/openapi.json", async (c) => c.json(await document()));
  app.get("/reference", async (c) => {
    const [{ referencePage }, described] = await Promise.all([import("./referencePage.ts"), document()]);
    c.header("content-security-policy", pagePolicy);
    return c.html(referencePage(described, new URL(c.req.url).origin));
  });
}
