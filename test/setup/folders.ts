import { chmodSync, lstatSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/**
 * Makes an empty folder (0700) with a short absolute path, because unix sockets may live in it. It is removed after the test that made it,
 * or after the file when it was made in `beforeAll` or at the top. The test fails when somebody puts it back afterwards.
 */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "herma-t-")));
  made.push(folder);
  return folder;
}

/** How many folders have been made and not yet removed: a place in the list for {@link removeTemporaryFolders}. */
export function temporaryFolderCount(): number {
  return made.length;
}

/** Removes the folders made since the list was `from` long. Returns those that could not be removed and why. For leaks.ts. */
export function removeTemporaryFolders(from: number): string[] {
  const problems: string[] = [];
  for (const folder of made.splice(from)) {
    try {
      chmodSync(folder, 0o700);
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
      removed.push(folder);
    } catch (error) {
      if (exists(folder)) problems.push(`${folder} (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  return problems;
}

const removed: string[] = [];

/** Folders that were removed and are there again: something still writes into them. For leaks.ts. */
export function returnedFolders(): string[] {
  const returned = removed.filter(exists);
  for (const folder of returned) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  return returned;
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
