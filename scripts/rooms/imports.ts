import { parseSync, Visitor } from "oxc-parser";

export type Import = {
  /** The specifier as written, or `global:Date.now` and the like; null when it is computed and so cannot be checked. */
  readonly specifier: string | null;
  /** Vanishes when the types are stripped. */
  readonly typeOnly: boolean;
  /** 1-based. */
  readonly line: number;
};

type Literal = { readonly type: string; readonly value?: unknown };

/** Globals that bring in time or chance. With them a room would do something else each time it is asked. */
const worldly = new Set(["Date.now", "Math.random", "performance.now", "setImmediate", "setInterval", "setTimeout"]);

/**
 * Every import of a TypeScript file: static, re-exported, dynamic, in a type, and by `require`; and each use of a global
 * that is the world as much as a module of Node is. Throws when the file does not parse.
 * The parser is oxc's (Knip brings the same): TypeScript 7 has none that runs in-process, and lexers of JavaScript stumble over types.
 */
export function importsOf(fileName: string, source: string): Import[] {
  const parsed = parseSync(fileName, source, { sourceType: "module" });
  const error = parsed.errors[0];
  if (error !== undefined) throw new Error(`${fileName} does not parse: ${error.message}`);
  const found: { specifier: string | null; typeOnly: boolean; at: number }[] = [];
  const add = (literal: Literal | null | undefined, typeOnly: boolean, at: number): void => {
    if (literal === null || literal === undefined) return;
    found.push({ specifier: literalText(literal), typeOnly, at });
  };
  const reach = (name: string, at: number): void => void found.push({ specifier: `global:${name}`, typeOnly: false, at });
  new Visitor({
    ImportDeclaration: (node) => add(node.source, node.importKind === "type", node.start),
    ExportAllDeclaration: (node) => add(node.source, node.exportKind === "type", node.start),
    ExportNamedDeclaration: (node) => add(node.source, node.exportKind === "type", node.start),
    ImportExpression: (node) => add(node.source, false, node.start),
    TSImportType: (node) => add(node.source, true, node.start),
    TSExternalModuleReference: (node) => add(node.expression, false, node.start),
    NewExpression: (node) => {
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) reach("new Date", node.start);
    },
    CallExpression: (node) => {
      const { callee } = node;
      const name = source.slice(callee.start, callee.end);
      if (worldly.has(name)) reach(name, node.start);
      const isRequire = callee.type === "Identifier" && /^(require|\w*Require)$/.test(callee.name) && callee.name !== "createRequire";
      if (isRequire) add(node.arguments[0], false, node.start);
    },
  }).visit(parsed.program);
  const lineOf = lineFinder(source);
  return found.sort((a, b) => a.at - b.at).map(({ specifier, typeOnly, at }) => ({ specifier, typeOnly, line: lineOf(at) }));
}

function literalText(node: Literal): string | null {
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type !== "TemplateLiteral") return null;
  const template = node as unknown as { quasis: { value: { cooked: string | null } }[]; expressions: unknown[] };
  return template.expressions.length === 0 ? (template.quasis[0]?.value.cooked ?? null) : null;
}

function lineFinder(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}
