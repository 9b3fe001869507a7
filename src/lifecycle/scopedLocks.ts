import { join } from "node:path";
import {
  type GatewayRecord,
  gatewayKind,
  HermaError,
  ScopedLockFile,
  type ScopedLockFile as ScopedLockRecord,
  timestampOf,
} from "../contract/index.ts";
import { judgeScopedLock } from "../rules/index.ts";
import { type Lock, type System, sha256Hex } from "../system/index.ts";
import { tryTakePatiently } from "./patience.ts";
import { recordIs, recordLiveness } from "./records.ts";

const recordBytesMax = 65_536;
const hashDigits = 16;
/** Another program may take or replace a lock while we look at it; then we look again, at most this often. */
const rounds = 8;
const scopePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export type ScopedLocksOptions = {
  /** See `scopedLockFolder`. Made when the first lock is taken. */
  readonly folder: string;
  readonly system: Pick<System, "clock" | "files" | "locks" | "processes" | "random">;
  /** Who takes them. */
  readonly record: GatewayRecord;
};

/** `existing`: what stood there; with `ok` our own earlier record, else the holder's, or null when it could not be read. */
export type ScopedLockResult = { readonly ok: boolean; readonly existing: ScopedLockRecord | null };
export type ScopedLockSeen = {
  readonly path: string;
  readonly record: ScopedLockRecord;
  /** Whether the program that it names lives. */
  readonly owner: "same" | "gone" | "unknown";
};
export type ScopedLockOwner = { readonly pid: number; readonly startTime: number | null };

/**
 * Locks on identities that only one gateway of a user may use at a time, whichever home it is of: one connection with a bot's token. They are the
 * original's files. Programs of ours take one over and make it anew under a lock of the kernel, so that only one does it. A Hermes does not know that
 * lock, so a file that is taken over is first renamed and looked at again.
 */
export class ScopedLocks {
  readonly #options: ScopedLocksOptions;

  constructor(options: ScopedLocksOptions) {
    this.#options = options;
  }

  /** Takes a lock, renews our own, or takes over that of a program that is gone. Throws BAD_REQUEST for a scope that is no name, or what the disk says. */
  async acquire(scope: string, identity: string, metadata: Record<string, unknown> = {}): Promise<ScopedLockResult> {
    const path = this.#path(scope, identity);
    const { system, folder } = this.#options;
    system.files.makeFolder(folder);
    return await this.#guarded(
      () => this.#acquire(path, this.#recordOf(scope, identity, metadata)),
      () => ({ ok: false, existing: readLock(this.#options.system.files, path).record }),
    );
  }

  /** Gives a lock back if it is ours. False when it is not, or is gone. */
  async release(scope: string, identity: string): Promise<boolean> {
    const path = this.#path(scope, identity);
    return await this.#guarded(
      () => {
        const { record } = readLock(this.#options.system.files, path);
        return record !== null && this.#isOurs(record) && this.#options.system.files.remove(path);
      },
      () => false,
    );
  }

  /** Removes all locks of one owner, such as a gateway that was ended; others are left alone. Returns how many. */
  async releaseAllOf(owner: ScopedLockOwner): Promise<number> {
    return await this.#guarded(
      () => {
        const own = this.list().filter(({ record }) => record.pid === owner.pid && record.start_time === owner.startTime);
        return own.filter(({ path }) => this.#options.system.files.remove(path)).length;
      },
      () => 0,
    );
  }

  /** See {@link listScopedLocks}. */
  list(): ScopedLockSeen[] {
    return listScopedLocks(this.#options.folder, this.#options.system);
  }

  #acquire(path: string, record: ScopedLockRecord): ScopedLockResult {
    const { files, processes } = this.#options.system;
    const text = JSON.stringify(record);
    for (let round = 0; round < rounds; round += 1) {
      if (files.createExclusive(path, text)) return { ok: true, existing: null };
      const found = readLock(this.#options.system.files, path);
      if (found.file === "absent") continue;
      const { file } = found;
      const owner = found.record === null ? "unknown" : recordLiveness(processes, found.record);
      const verdict = judgeScopedLock({ file, mine: found.record !== null && this.#isOurs(found.record), owner });
      if (verdict === "held") return { ok: false, existing: found.record };
      if (verdict === "ours") {
        files.replace(path, text, { durable: false });
        return { ok: true, existing: found.record };
      }
      this.#putAside(path, found.bytes);
    }
    return { ok: false, existing: readLock(this.#options.system.files, path).record };
  }

  /** Removes a stale file, unless it has been replaced meanwhile: then the new one is put back. */
  #putAside(path: string, seen: Buffer): void {
    const { files, random } = this.#options.system;
    // Not `.lock`, by which the original finds locks.
    const aside = `${path}.stale-${Buffer.from(random(4)).toString("hex")}`;
    try {
      files.rename(path, aside);
    } catch (error) {
      if (files.stat(path) === null) return;
      throw error;
    }
    const taken = files.read(aside, recordBytesMax);
    if (taken !== null && !taken.equals(seen)) files.createExclusive(path, taken);
    files.remove(aside);
  }

  #isOurs(record: ScopedLockRecord): boolean {
    const self = this.#options.system.processes.self();
    // A record with our pid is ours, since no other live program has it. It has no start time on systems that do not tell one.
    return recordIs(record, self) || (record.pid === self.pid && record.start_time === null);
  }

  #path(scope: string, identity: string): string {
    if (!scopePattern.test(scope)) throw new HermaError("BAD_REQUEST", `${JSON.stringify(scope)} cannot be the scope of a lock`);
    return join(this.#options.folder, `${scope}-${hashOf(identity)}.lock`);
  }

  #recordOf(scope: string, identity: string, metadata: Record<string, unknown>): ScopedLockRecord {
    const updated = timestampOf(this.#options.system.clock.wallMs());
    return { ...this.#options.record, scope, identity_hash: hashOf(identity), metadata, updated_at: updated };
  }

  /** Behind the kernel's lock on one file for all locks of the folder; `busy` when that cannot be had in time. */
  async #guarded<T>(act: () => T, busy: () => T): Promise<T> {
    const { system, folder } = this.#options;
    if (system.files.stat(folder) === null) return busy();
    const guard: Lock | null = await tryTakePatiently(system, join(folder, ".guard"));
    if (guard === null) return busy();
    try {
      return act();
    } finally {
      guard.release();
    }
  }
}

/** The locks of a folder that can be read, by path, and whether their owners live. Takes and changes nothing. */
export function listScopedLocks(folder: string, system: Pick<System, "files" | "processes">): ScopedLockSeen[] {
  return system.files
    .list(folder)
    .filter((name) => name.endsWith(".lock"))
    .flatMap((name) => {
      const path = join(folder, name);
      const { record } = readLock(system.files, path);
      return record === null ? [] : [{ path, record, owner: recordLiveness(system.processes, record) }];
    });
}

type LockFile = {
  readonly file: "record" | "noise" | "unreadable" | "absent";
  readonly record: ScopedLockRecord | null;
  readonly bytes: Buffer;
};

function readLock(files: System["files"], path: string): LockFile {
  const none = Buffer.alloc(0);
  let bytes: Buffer | null;
  try {
    bytes = files.read(path, recordBytesMax);
  } catch {
    return { file: "unreadable", record: null, bytes: none };
  }
  if (bytes === null) return { file: "absent", record: null, bytes: none };
  const record = recordIn(bytes);
  return { file: record === null ? "noise" : "record", record, bytes };
}

function hashOf(identity: string): string {
  return sha256Hex(identity).slice(0, hashDigits);
}

/**
 * The record in a lock; null when it names nobody. Whatever else is missing or odd, because another program wrote it: who holds the lock is what
 * counts.
 */
function recordIn(bytes: Buffer): ScopedLockRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
  const whole = ScopedLockFile.safeParse(value);
  if (whole.success) return whole.data;
  if (typeof value !== "object" || value === null) return null;
  const { pid, start_time, boot_id, scope, identity_hash } = value as Record<string, unknown>;
  const text = (word: unknown): string => (typeof word === "string" ? word : "");
  const named = ScopedLockFile.safeParse({
    pid,
    kind: gatewayKind,
    argv: [],
    start_time: typeof start_time === "number" ? start_time : null,
    ...(typeof boot_id === "string" ? { boot_id } : {}),
    scope: text(scope),
    identity_hash: text(identity_hash),
    metadata: {},
    updated_at: timestampOf(0),
  });
  return named.success ? named.data : null;
}
