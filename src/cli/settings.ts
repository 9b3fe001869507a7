import { configBytesMax, homePaths, loadConfigParser, type ParsedConfig } from "../contract/index.ts";
import { nearest } from "../rules/index.ts";
import type { System } from "../system/index.ts";

/** Reads the home's herma.yaml; null when there is none. Throws IO when it cannot be read; a bad text is told in the problems. */
export async function readSettings(system: System, home: string): Promise<ParsedConfig | null> {
  const bytes = system.files.read(homePaths(home).config, configBytesMax * 4);
  if (bytes === null) return null;
  const parse = await loadConfigParser();
  return parse(bytes.toString("utf8"), { nearest });
}
