import type { ClaimRequest, ClaimSystem } from "./claimTypes.ts";

const privateMode = 0o600;

/** Permission bits of the files by which others know a gateway. */
export function fileModeOf({ fileMode = privateMode }: Pick<ClaimRequest, "fileMode">): number {
  return fileMode;
}

/** A lock file stays from gateway to gateway, so its mode is brought in line with what its home wants now. */
export function showTo(files: ClaimSystem["files"], path: string, mode: number): void {
  if ((files.stat(path)?.mode ?? mode) !== mode) files.setMode(path, mode);
}
