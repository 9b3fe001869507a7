import { type Document, isMap, isNode, isScalar, parseDocument, YAMLMap } from "yaml";
import type { SettingName, SettingValue } from "./config.ts";

/** A setting and what it is to be. */
export type ConfigEdit = { readonly name: SettingName; readonly value: SettingValue };
export type EditConfig = (text: string, edits: readonly ConfigEdit[]) => string;
/** What stands in a file, by the name of the setting; those that have only their default are not in it. */
export type StatedSettings = ReadonlyMap<string, unknown>;

/**
 * The text of a `herma.yaml` with these settings in it. What else stands there stays: keys, their order, comments, quotes. Takes a text that
 * `parseConfig` finds no error in; throws for another.
 */
export const editConfig: EditConfig = (text, edits) => {
  const document = documentOf(text);
  for (const { name, value } of edits) {
    const [section = "", key = ""] = name.split(".");
    const there: unknown = document.get(section, true);
    if (!isMap(there)) document.set(section, emptyGroup(there));
    document.setIn([section, key], value);
  }
  return document.toString({ lineWidth: 0 });
};

/** The settings that stand in a text that `parseConfig` finds no error in; a key without a value states nothing. */
export function statedSettings(text: string): StatedSettings {
  const document = documentOf(text);
  const stated = new Map<string, unknown>();
  for (const { key: section, value: settings } of isMap(document.contents) ? document.contents.items : []) {
    for (const { key, value } of isMap(settings) ? settings.items : []) {
      const plain: unknown = isNode(value) ? value.toJS(document) : value;
      if (plain !== null && plain !== undefined) stated.set(`${wordOf(section)}.${wordOf(key)}`, plain);
    }
  }
  return stated;
}

/** Read as `parseConfig` reads it. */
function documentOf(text: string): Document {
  const document: Document = parseDocument(text, { schema: "core", merge: false, uniqueKeys: false, logLevel: "error" });
  if (document.errors.length > 0) throw new Error("the text is no YAML");
  if (!isMap(document.contents)) document.contents = emptyGroup(document.contents);
  return document;
}

/** In the place of a section that has no keys, or only keys that are commented out: these stay. */
function emptyGroup(there: unknown): YAMLMap {
  const group = new YAMLMap();
  const comments = isNode(there) ? [there.commentBefore, there.comment].filter((each) => each !== null && each !== undefined) : [];
  if (comments.length > 0) group.commentBefore = comments.join("\n");
  return group;
}

function wordOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}
