import { isUtf8 } from "node:buffer";
import { dirname, join, resolve } from "node:path";
import nodeProcess from "node:process";
import { parseEnv } from "node:util";
import { HermaError, hermesConfigBytesMax, loadHermesConfigParser } from "../contract/index.ts";
import type { HermesFound } from "../rules/index.ts";
import type { Files } from "../system/index.ts";
import { userHome } from "./userHome.ts";

/** The settings of a Hermes agent, and which files they are from (null: there is none). */
export type HermesSettings = { readonly found: HermesFound; readonly config: string | null; readonly env: string | null };

/**
 * Reads the settings of a Hermes agent: `from` is its home or its config.yaml, by default `~/.hermes`; its `.env` stands beside that. Only reads.
 * Throws IMPORT_UNUSABLE.
 */
export async function readHermesSettings(files: Files, from: string | undefined): Promise<HermesSettings> {
  const place = resolve(from ?? join(userHome(), ".hermes"));
  const isFolder = kindOf(files, place) === "folder";
  const config = isFolder ? join(place, "config.yaml") : place;
  const env = join(dirname(config), ".env");
  const configBytes = readOf(files, config);
  const envBytes = readOf(files, env);
  if (configBytes === null && (envBytes === null || !isFolder))
    throw new HermaError("IMPORT_UNUSABLE", isFolder ? `${place} holds no config.yaml and no .env` : `there is no ${place}`);
  const parse = await loadHermesConfigParser();
  const read = parse(configBytes ?? new Uint8Array());
  if (read.keys === null) throw new HermaError("IMPORT_UNUSABLE", `${config} cannot be used: ${read.problem}`);
  return {
    found: {
      "config.yaml": read.keys,
      ".env": envBytes === null ? new Map() : variablesIn(env, envBytes),
      environment: new Map(Object.entries(nodeProcess.env)),
    },
    config: configBytes === null ? null : config,
    env: envBytes === null ? null : env,
  };
}

/** A folder behind a link is a folder. */
function kindOf(files: Files, place: string): "folder" | "other" | null {
  try {
    const kind = files.stat(place)?.kind;
    if (kind === "link") return files.stat(`${place}/.`) === null ? "other" : "folder";
    return kind === undefined ? null : kind === "folder" ? "folder" : "other";
  } catch (cause) {
    if (isNoFolder(cause)) return "other";
    throw unreadable(place, cause);
  }
}

function readOf(files: Files, path: string): Uint8Array | null {
  try {
    const kind = files.stat(path)?.kind;
    if (kind === undefined) return null;
    if (kind === "link")
      throw new HermaError("IMPORT_UNUSABLE", `${path} is a symbolic link, which is not followed`, {
        hint: "Name the config.yaml that it stands for, or copy it.",
      });
    if (kind !== "file") throw new HermaError("IMPORT_UNUSABLE", `${path} is no file`);
    return files.read(path, hermesConfigBytesMax);
  } catch (cause) {
    if (cause instanceof HermaError && cause.code === "IMPORT_UNUSABLE") throw cause;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): HermaError {
  return new HermaError("IMPORT_UNUSABLE", `${path} cannot be read: ${(cause as Error).message}`, { cause });
}

/** The error of a path that goes through a file as if it were a folder. */
function isNoFolder(cause: unknown): boolean {
  return ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code === "ENOTDIR";
}

/** Reads the file as Hermes does: when it is not UTF-8, it is taken for Latin-1. */
function variablesIn(path: string, bytes: Uint8Array): ReadonlyMap<string, unknown> {
  if (bytes.includes(0)) throw new HermaError("IMPORT_UNUSABLE", `${path} cannot be used: it is no text (UTF-8)`);
  const text = Buffer.from(bytes).toString(isUtf8(bytes) ? "utf8" : "latin1");
  const variables = Object.entries(parseEnv(text.replace(/^\uFEFF/, "")));
  return new Map(variables.filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)));
}
