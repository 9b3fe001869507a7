import { join } from "node:path";
import { HermaError, keeperPaths, socketPathBytesMax } from "../contract/index.ts";
import { hash64 } from "./hash.ts";

/** Where a keeper's socket stands. */
export type SocketPlace = {
  readonly path: string;
  /** The folder that holds it. Whoever uses the socket checks first that it is a folder (no link), 0700 and its own user's. */
  readonly folder: string;
};

/**
 * The one rule for the place of a generation's socket, used by keeper and clients alike: in the keeper's folder, or, where that path is
 * longer than the kernel takes, at `<runtime folder>/herma-<uid>/<16 hex>.sock`. The hex digits are a hash of home and generation; they
 * keep homes apart and guard nothing (the private folder does). Clients believe keeper.json first, because their runtime folder may be
 * another one than the keeper's.
 */
export function socketPlace(at: {
  /** Absolute path. */
  readonly home: string;
  readonly generation: string;
  /** The content of XDG_RUNTIME_DIR, where it is a folder of this user's. Anything but an absolute path that is short enough means /tmp. */
  readonly runtimeFolder: string | undefined;
  readonly uid: number;
}): SocketPlace {
  const { folder, socket } = keeperPaths(at.home, at.generation);
  if (fits(socket)) return { path: socket, folder };
  const name = `${hash64(`${at.home}\0${at.generation}`)}.sock`;
  for (const base of [at.runtimeFolder, "/tmp"]) {
    if (base === undefined || !base.startsWith("/")) continue;
    const place = join(base, `herma-${at.uid}`);
    if (fits(join(place, name))) return { path: join(place, name), folder: place };
  }
  throw new RangeError("unreachable: /tmp is short enough for every uid");
}

/** Where a gateway's own sockets stand: the one it answers on, and the one where a new gateway waits for the listening socket. */
export type GatewaySockets = { readonly folder: string; readonly control: string; readonly handover: string };

/**
 * The same rule for the gateway of a home: in the home, or, where that is too long, in the runtime folder under a hash of the home. `pid`: of
 * the new gateway, for the place that is its own. Clients believe gateway_state.json first.
 */
export function gatewaySockets(at: {
  readonly home: string;
  readonly runtimeFolder: string | undefined;
  readonly uid: number;
  readonly pid: number;
}): GatewaySockets {
  // As long as any pid: programs with other pids must come to the same folder.
  const pid = String(at.pid).padStart(7, "0");
  const own = { folder: at.home, control: join(at.home, "gateway.sock"), handover: join(at.home, `.handover-${pid}.sock`) };
  if (fits(own.handover) && fits(own.control)) return own;
  const name = hash64(at.home);
  for (const base of [at.runtimeFolder, "/tmp"]) {
    if (base === undefined || !base.startsWith("/")) continue;
    const folder = join(base, `herma-${at.uid}`);
    const handover = join(folder, `${name}-${pid}.sock`);
    if (fits(handover)) return { folder, control: join(folder, `${name}.sock`), handover };
  }
  throw new RangeError("unreachable: /tmp is short enough for every uid");
}

/**
 * Throws HOME_UNUSABLE unless `folder` is a real folder (no link) of the user `uid` that nobody else may enter. Sockets outside of a home stand in
 * such a folder, which others could have made first. `stat`: of the folder; null when there is none.
 */
export function requirePrivateFolder(
  folder: string,
  stat: { readonly kind: string; readonly uid: number; readonly mode: number } | null,
  uid: number,
): void {
  if (stat?.kind === "folder" && stat.uid === uid && (stat.mode & 0o077) === 0) return;
  throw new HermaError("HOME_UNUSABLE", `${folder} must be a folder of this user that nobody else may enter`, {
    hint: `\`chmod 700 ${folder}\` if it is yours; else remove it, or have its owner do so.`,
  });
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= socketPathBytesMax;
}
