import { join } from "node:path";
import { keeperPaths, socketPathBytesMax } from "../contract/index.ts";

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
  /** The content of XDG_RUNTIME_DIR. Anything but an absolute path that is short enough means /tmp. */
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

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= socketPathBytesMax;
}

/** FNV-1a, 64 bits, as 16 hex digits. */
function hash64(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}
