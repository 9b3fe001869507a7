import { createServer, type RequestListener, type Server } from "node:http";
import { basename } from "node:path";
import { HermaError } from "../contract/index.ts";
import type { SocketPlace } from "../rules/index.ts";
import type { Clock, System, Timer } from "../system/index.ts";
import { type Log, messageOf } from "./log.ts";

/** How long a keeper that leaves waits for the answers it still owes. */
const answersMsMax = 500;
/** Where the folder cannot be watched, or the socket not be made, it is looked at this often. */
const lookMs = 5000;
/** A socket gets its name when it is private and answers. Short: paths of sockets are. */
const newSuffix = ".new";

type DoorOptions = {
  readonly system: Pick<System, "files" | "clock">;
  readonly place: SocketPlace;
  readonly listener: RequestListener;
  readonly log: Log;
};

/**
 * The keeper's socket. Its file can be removed by whoever cleans a folder, and nobody could reach the keeper then, who still holds its lock and
 * its processes: so the file is watched, and the door made again. Connections that are open go on.
 */
export class Door {
  readonly #options: DoorOptions;
  /** All that have listened: those behind a removed file still have connections. */
  readonly #servers = new Set<Server>();
  #inode: number | null = null;
  #unwatch: () => void = () => {};
  #timer: Timer | null = null;
  #mending = false;
  #closed = false;

  private constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Listens. Under the lock a socket file that stands is a dead keeper's. Throws IO. */
  static async open(options: DoorOptions): Promise<Door> {
    const door = new Door(options);
    await door.#listen();
    door.watch();
    return door;
  }

  /** Takes the file away: from now on nobody finds the keeper. Another keeper's is let be. */
  remove(): void {
    this.#closed = true;
    this.#unwatch();
    this.#timer?.cancel();
    try {
      if (this.#stands()) this.#options.system.files.remove(this.#options.place.path);
    } catch {
      // A file that stays is the next keeper's to replace.
    }
  }

  /** After {@link remove}: answers under way get a moment, then the connections are closed under their clients. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => closed(server, this.#options.system.clock)));
  }

  /** Watches the folder that has the name now (also when it was made anew), and mends what happened before. */
  watch(): void {
    if (this.#closed) return;
    const { system, place } = this.#options;
    const name = basename(place.path);
    this.#unwatch();
    this.#unwatch = () => {};
    try {
      this.#unwatch = system.files.watch(place.folder, (changed) => {
        if (changed === null || changed === name) this.#look();
      });
    } catch {
      this.#watchLater();
    }
    this.#look();
  }

  #watchLater(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.system.clock.after(lookMs, () => this.watch(), { unref: true });
  }

  #look(): void {
    if (this.#closed || this.#mending || this.#stands()) return;
    const { log, place } = this.#options;
    this.#mending = true;
    // Those who are connected stay so; a server goes with the last of them.
    for (const server of this.#servers) server.close(() => this.#servers.delete(server));
    this.#listen().then(
      () => {
        this.#mending = false;
        log(`${place.path} was removed; it listens there again`);
        this.#look();
      },
      (error: unknown) => {
        this.#mending = false;
        log(`${place.path} was removed, and it cannot listen there again: ${messageOf(error)}`);
        if (!this.#closed) this.#watchLater();
      },
    );
  }

  #stands(): boolean {
    try {
      return this.#options.system.files.stat(this.#options.place.path)?.ino === this.#inode;
    } catch {
      return true; // What cannot be looked at cannot be mended now.
    }
  }

  /** Under a name of its own first: whoever finds it at its place finds it answering and private, and closing it takes no other's name away. */
  async #listen(): Promise<void> {
    const { system, place, listener } = this.#options;
    const standing = system.files.stat(place.path);
    if (standing !== null && standing.kind !== "socket")
      throw new HermaError("IO", `cannot listen on ${place.path}: something else stands there`);
    const path = place.path + newSuffix;
    system.files.remove(path);
    const server = createServer(listener);
    // A client that keeps its connection must not be cut off between two requests of one command.
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new HermaError("IO", `cannot listen on ${place.path}: ${error.message}`, { cause: error })));
      server.listen(path, () => resolve());
    });
    try {
      system.files.setMode(path, 0o600);
      this.#inode = system.files.stat(path)?.ino ?? null;
      system.files.rename(path, place.path);
    } catch (error) {
      server.close();
      throw error;
    }
    this.#servers.add(server);
    // It left while the door was made.
    if (this.#closed) this.remove();
  }
}

async function closed(server: Server, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const late = clock.after(answersMsMax, () => server.closeAllConnections());
    server.close(() => {
      late.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
