import { dirname, join, normalize } from "node:path/posix";
import type { Fault, SourceFile } from "./judge.ts";

/**
 * Circles of files that import each other. A circle of types alone is one too: it says that two files are one. One fault per knot of
 * files, with a shortest way around.
 */
export function findCycles(files: readonly SourceFile[]): Fault[] {
  const edges = new Map<string, { target: string; line: number }[]>();
  const known = new Set(files.map((file) => file.path));
  for (const file of files) {
    const own: { target: string; line: number }[] = [];
    for (const one of file.imports) {
      if (one.specifier === null || !one.specifier.startsWith(".")) continue;
      const target = normalize(join(dirname(file.path), one.specifier));
      if (known.has(target)) own.push({ target, line: one.line });
    }
    edges.set(file.path, own);
  }
  const faults: Fault[] = [];
  const told = new Set<string>();
  for (const { path } of files) {
    if (told.has(path)) continue;
    const way = wayAround(path, edges);
    if (way === null) continue;
    for (const step of way) told.add(step);
    const line = edges.get(path)?.find(({ target }) => target === (way[1] ?? path))?.line ?? 0;
    faults.push({ path, line, message: `circle: ${[...way, path].join(" -> ")}` });
  }
  return faults;
}

/** Breadth first: the shortest way from a file back to itself, without the last step; null when there is none. */
function wayAround(start: string, edges: ReadonlyMap<string, readonly { target: string }[]>): string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const { target } of edges.get(next) ?? []) {
      if (target === start) {
        const way = [next];
        for (let step = next; step !== start; ) {
          step = cameFrom.get(step) ?? start;
          way.unshift(step);
        }
        return way;
      }
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, next);
      queue.push(target);
    }
  }
  return null;
}
