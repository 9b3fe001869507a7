import { HermaError, homePaths } from "../contract/index.ts";
import { isOwnerToken } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { Log } from "./types.ts";

type HomeSystem = Pick<System, "files" | "random">;

/** Bits that let the group or the world in. */
const othersMask = 0o077;
/** A home that was opened to its group (`home.group`). */
const sharedMode = 0o2750;
const tokenBytes = 32;

/** Makes the home (0700) if it is missing and checks that it can be used. Throws HOME_UNUSABLE. */
export function prepareHome(home: string, system: HomeSystem, log: Log): void {
  const paths = homePaths(home);
  try {
    system.files.makeFolder(home);
    const stat = system.files.stat(home);
    if (stat !== null && stat.kind === "folder") {
      if ((stat.mode & othersMask) !== 0 && stat.mode !== sharedMode) {
        log.warn({ home, mode: stat.mode.toString(8) }, "the home can be entered by others; `chmod 700` it unless that is meant");
      }
      for (const folder of [paths.processes, paths.keepers, paths.logs]) system.files.makeFolder(folder);
    }
  } catch (error) {
    throw new HermaError("HOME_UNUSABLE", `the home ${home} cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/**
 * The owner's token, made at the first start. When others could read the file, its mode is corrected and the log says so, since the token may be known
 * to them. A file that holds no token is refused. Throws HOME_UNUSABLE.
 */
export function ensureToken(home: string, system: HomeSystem, log: Log): string {
  const path = homePaths(home).token;
  // Looked for first: making the file, only to find that it is there, would wait for the disk at every start.
  if (system.files.stat(path) === null) {
    const fresh = Buffer.from(system.random(tokenBytes)).toString("base64url");
    if (system.files.createExclusive(path, `${fresh}\n`, { mode: 0o600, durable: true })) {
      log.info({ path }, "made the owner's token");
      return fresh;
    }
  }
  const stat = system.files.stat(path);
  const token = system.files.read(path, 4096)?.toString("utf8").trim() ?? "";
  if (stat === null || stat.kind !== "file" || !isOwnerToken(token)) {
    throw new HermaError("HOME_UNUSABLE", `${path} holds no token`, { hint: "Remove the file: the next start makes a new token." });
  }
  if ((stat.mode & othersMask) !== 0) {
    system.files.replace(path, `${token}\n`, { durable: true, mode: 0o600 });
    log.warn(
      { path, mode: stat.mode.toString(8) },
      "the token could be read by others; its mode is 600 now. If anybody may have read it, remove the file and start again",
    );
  }
  return token;
}
