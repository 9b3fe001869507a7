import { configBytesMax, HermaError, homePaths, loadConfigParser, type ParsedConfig } from "../contract/index.ts";
import { nearest } from "../rules/index.ts";
import type { System } from "../system/index.ts";

/** Reads the home's herma.yaml; null when there is none. Throws CONFIG_INVALID when it is a link, IO when it cannot be read; a bad text is told in the problems. */
export async function readSettings(system: System, home: string): Promise<ParsedConfig | null> {
  const path = homePaths(home).config;
  // Nothing in a home is read through a link; that it is one is worth more to people than the system's ELOOP.
  if (system.files.stat(path)?.kind === "link") {
    throw new HermaError("CONFIG_INVALID", `${path} is a symbolic link, which is not followed`, {
      hint: "Put the file itself in its place.",
    });
  }
  const bytes = system.files.read(path, configBytesMax * 4);
  if (bytes === null) return null;
  const parse = await loadConfigParser();
  return parse(bytes.toString("utf8"), { nearest });
}
