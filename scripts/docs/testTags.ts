import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

/** A test that says which rows it shows: `[P35]`, `[defect 6.1.4]`, `[W7, peer 24]` in its title, or in a comment inside of it or before it. */
export type TaggedTest = {
  /** From the root, with slashes. */
  readonly file: string;
  /** Without tags. */
  readonly title: string;
  readonly tags: readonly string[];
  /** What looks like a tag in it and is none. */
  readonly broken: readonly string[];
};

/** What holds tests; suites that several implementations run are no *.test.ts. */
const testFiles = ["src/**/*.test.ts", "src/**/testing/*.ts", "test/**/*.test.ts", "scripts/**/*.test.ts"];

const tag = "(?:[HFDSPWNT]\\d{1,2}|defect \\d+\\.\\d+\\.\\d+|compat \\d+|peer \\d+)";
const bracket = new RegExp(`\\[(${tag}(?:, ?${tag})*)\\]`, "g");

/** The ids in a text, in order, each once. */
export function tagsIn(text: string): string[] {
  return [...new Set([...text.matchAll(bracket)].flatMap(([, ids = ""]) => ids.split(/, ?/)))];
}

/** What was probably meant as a tag and is none, such as `[peer9]`. */
export function brokenTagsIn(text: string): string[] {
  const candidates = text.replace(bracket, "").matchAll(/\[(?:(?:defect|compat|peer) ?\d|[HFDSPWNT]\d+[^\]\w])[^\]]*\]/g);
  return [...candidates].map(([found]) => found);
}

export function withoutTags(title: string): string {
  return title.replace(bracket, "").replace(/\s+/g, " ").trim();
}

/** Every tagged test below the root, by file and place. */
export function readTaggedTests(root: string): TaggedTest[] {
  const files = globSync(testFiles, { cwd: root }).map((file) => file.replaceAll("\\", "/"));
  return files.sort().flatMap((file) => taggedTestsOf(file, readFileSync(join(root, file), "utf8")));
}

type Found = { readonly title: string; readonly start: number; readonly end: number; readonly tags: string[]; readonly broken: string[] };

/** The tagged tests of one file. A tag of a `describe` counts for the group as one. */
export function taggedTestsOf(file: string, source: string): TaggedTest[] {
  // Most files have none, and parsing takes its time.
  if (tagsIn(source).length === 0 && brokenTagsIn(source).length === 0) return [];
  const { program, comments } = parseSync(file, source);
  const found: Found[] = [];
  new Visitor({
    CallExpression(call) {
      const title = titleOf(call.arguments[0]);
      if (title === null || !isTest(call.callee)) return;
      found.push({ title, start: call.start, end: call.end, tags: tagsIn(title), broken: brokenTagsIn(title) });
    },
  }).visit(program);
  for (const comment of comments) {
    const tags = tagsIn(comment.value);
    const broken = brokenTagsIn(comment.value);
    if (tags.length === 0 && broken.length === 0) continue;
    const test = testAt(source, found, comment);
    test?.tags.push(...tags);
    test?.broken.push(...broken);
  }
  return found
    .filter((test) => test.tags.length > 0 || test.broken.length > 0)
    .sort((a, b) => a.start - b.start)
    .map((test) => ({ file, title: withoutTags(test.title), tags: [...new Set(test.tags)], broken: test.broken }));
}

/** The test right behind the comment, else the innermost one around it, else the next. */
function testAt(source: string, found: readonly Found[], comment: { readonly start: number; readonly end: number }): Found | undefined {
  const next = found.filter((test) => test.start >= comment.end).sort((a, b) => a.start - b.start)[0];
  if (next !== undefined && source.slice(comment.end, next.start).trim() === "") return next;
  const around = found.filter((test) => test.start <= comment.start && comment.end <= test.end).sort((a, b) => b.start - a.start)[0];
  return around ?? next;
}

type Expression = { readonly type: string };

/** `test(…)`, `it.skip(…)`, `describe.each(…)(…)`, `test.skipIf(…)(…)`. */
function isTest(callee: Expression): boolean {
  const { type, name, object, callee: inner } = callee as Expression & { name?: string; object?: Expression; callee?: Expression };
  if (type === "Identifier") return name === "test" || name === "it" || name === "describe";
  if (type === "MemberExpression") return object !== undefined && isTest(object);
  return type === "CallExpression" && inner !== undefined && isTest(inner);
}

function titleOf(argument: unknown): string | null {
  const expression = argument as (Expression & { value?: unknown; quasis?: { value: { cooked: string | null } }[] }) | undefined;
  if (expression?.type === "Literal" && typeof expression.value === "string") return expression.value;
  if (expression?.type !== "TemplateLiteral") return null;
  return expression.quasis?.map((part) => part.value.cooked ?? "").join("…") ?? null;
}
