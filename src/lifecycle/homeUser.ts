import { HermaError, homePaths } from "../contract/index.ts";
import type { System } from "../system/index.ts";

/**
 * Refuses a home in which another user's Herma has worked, as after `sudo herma …`: keeper and gateway of one user could neither read nor replace the
 * files of the other. It does not matter to whom the home itself belongs (a container's root may work in a folder of the host).
 * `userId`: of this program; null where the system has none. Throws HOME_UNUSABLE.
 */
export function refuseOthersHome(home: string, files: Pick<System["files"], "stat">, userId: number | null): void {
  const used = files.stat(homePaths(home).keepers);
  if (used === null || userId === null || used.uid === userId) return;
  throw new HermaError("HOME_UNUSABLE", `the home ${home} is used by another user (uid ${used.uid}), and this is uid ${userId}`, {
    hint: `Run it as that user (\`sudo -u '#${used.uid}' herma …\`), or choose another home with --home.`,
  });
}
