import { parseSync } from "oxc-parser";

/** What a schema stands in for until it is asked for anything. A target that is a plain object holds none of its answers back. */
const later = `export function later(build) {
  let built = null;
  const schema = () => (built ??= build());
  return new Proxy({}, {
    get: (_, key) => Reflect.get(schema(), key),
    has: (_, key) => Reflect.has(schema(), key),
    getPrototypeOf: () => Reflect.getPrototypeOf(schema()),
  });
}
`;
const laterId = "\0later";
/** Where schemas are made by the dozen, of which each program uses few. */
const schemaFiles = /\/src\/(contract\/(?!.*\.test\.ts$).*|server\/(routes|requests))\.ts$/;

type Node = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly name?: string;
  readonly callee?: Node;
  readonly object?: Node;
  readonly init?: Node | null;
  readonly declaration?: Node | null;
  readonly declarations?: readonly Node[];
};

/**
 * Builds each schema at its first use. Together they take a sixth of what a gateway needs to be ready, and it uses a tenth of them until then; a
 * command uses fewer. In the sources they stand as they are: what is gained there would be little beside what loading them costs.
 */
export const laterSchemas = {
  name: "later-schemas",
  resolveId: (source: string) => (source === laterId ? { id: laterId, moduleSideEffects: false } : null),
  load: (id: string) => (id === laterId ? later : null),
  transform: (code: string, id: string) => (schemaFiles.test(id) ? { code: deferred(code, id), map: null } : null),
};

/** The code with every `const … = z.…(…)` of its own level, and every one made of such a schema, behind a `later`. */
export function deferred(code: string, path: string): string {
  let text = code;
  for (const { start, end } of schemasOf(parseSync(path, code).program as unknown as { readonly body: readonly Node[] }).reverse()) {
    // zod keeps words about a schema by the object that it is.
    if (/\.(describe|meta|register|openapi)\(/.test(code.slice(start, end))) continue;
    text = `${text.slice(0, start)}later(() => ${text.slice(start, end)})${text.slice(end)}`;
  }
  return text === code ? code : `import { later } from ${JSON.stringify(laterId)};\n${text}`;
}

function schemasOf({ body }: { readonly body: readonly Node[] }): Node[] {
  return body
    .flatMap((statement) => (statement.declaration ?? statement).declarations ?? [])
    .flatMap(({ init }) => (init != null && init.type === "CallExpression" && isSchemaName(rootOf(init).name) ? [init] : []));
}

/** `z` in `z.object({…}).strict()`. */
function rootOf(node: Node): Node {
  const before = node.callee ?? node.object;
  return before === undefined ? node : rootOf(before);
}

/** Of what is not zod's and not the language's, here only schemas begin with a capital. */
function isSchemaName(name: string | undefined): boolean {
  return name === "z" || (name !== undefined && /^[A-Z]/.test(name) && !(name in globalThis));
}
