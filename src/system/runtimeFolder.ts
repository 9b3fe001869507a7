import type { Files } from "./types.ts";

/**
 * The content of XDG_RUNTIME_DIR where it is a folder of this user's. After `su`, in a container or once the last login has ended it names somebody
 * else's, or none, and whoever starts something from there must not fail for it.
 */
export function runtimeFolder(
  files: Pick<Files, "stat">,
  variables: Readonly<Record<string, string | undefined>>,
  uid: number,
): string | undefined {
  const folder = variables.XDG_RUNTIME_DIR;
  if (folder === undefined || !folder.startsWith("/")) return undefined;
  try {
    const stat = files.stat(`${folder}/.`);
    return stat?.kind === "folder" && stat.uid === uid ? folder : undefined;
  } catch {
    return undefined;
  }
}
