import { parseDocument } from "yaml";
import { hermesConfigBytesMax } from "./config.ts";

/** The keys of a `config.yaml` in dotted form with their values, in the order of the file; or the reason why it cannot be read. A list is a value. */
export type HermesConfig =
  | { readonly keys: ReadonlyMap<string, unknown>; readonly problem: null }
  | { readonly keys: null; readonly problem: string };
export type ParseHermesConfig = (bytes: Uint8Array) => HermesConfig;

/** A mapping nested deeper than this counts as a value. */
const depthMax = 16;
/** More keys than this no person has written; the rest is left out. */
const keysMax = 10_000;

/**
 * Reads the `config.yaml` of a Hermes home. It is Python's YAML 1.1, where `off` is false, and anchors and merges are used. Never throws:
 * for any other file the result has the problem.
 */
export const parseHermesConfig: ParseHermesConfig = (bytes) => {
  if (bytes.byteLength > hermesConfigBytesMax) return unusable(`it is larger than ${hermesConfigBytesMax} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return unusable("it is no text (UTF-8)");
  }
  try {
    const document = parseDocument(text, { version: "1.1", uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
    const first = document.errors[0];
    if (first !== undefined) return unusable(`it is no YAML: ${first.message.replace(/\s+/g, " ").replace(/\.? ?$/, "")}`);
    const content: unknown = document.toJS();
    if (content === null || content === undefined) return { keys: new Map(), problem: null };
    if (!isGroup(content)) return unusable("it holds no keys");
    const keys = new Map<string, unknown>();
    collect(content, [], keys);
    return { keys, problem: null };
  } catch (error) {
    // Such as aliases that stand for an endless text.
    return unusable(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

function unusable(problem: string): HermesConfig {
  return { keys: null, problem };
}

function collect(group: Readonly<Record<string, unknown>>, path: readonly string[], into: Map<string, unknown>): void {
  for (const [key, value] of Object.entries(group)) {
    if (into.size >= keysMax) return;
    const here = [...path, key];
    if (isGroup(value) && here.length < depthMax && Object.keys(value).length > 0) collect(value, here, into);
    else into.set(here.join("."), value);
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
