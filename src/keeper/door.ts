import { createServer, type RequestListener, type Server } from "node:http";
import { basename } from "node:path";
import { HermaError } from "../contract/index.ts";
import type { SocketPlace } from "../rules/index.ts";
import type { Clock, System, Timer } from "../system/index.ts";
import { type Log, messageOf } from "./log.ts";

/** How long a keeper that leaves waits for the answers it still owes. */
const answersMsMax = 500;
/** Where the folder cannot be watched, the socket is looked at this often. */
const lookMs = 5000;

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
    door.#watch();
    return door;
  }

  /** Takes the file away: from now on nobody finds the keeper. */
  remove(): void {
    this.#closed = true;
    this.#unwatch();
    this.#timer?.cancel();
    try {
      this.#options.system.files.remove(this.#options.place.path);
    } catch {
      // A file that stays is the next keeper's to replace.
    }
  }

  /** After {@link remove}: answers under way get a moment, then the connections are closed under their clients. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => closed(server, this.#options.system.clock)));
  }

  #watch(): void {
    const { system, place } = this.#options;
    const name = basename(place.path);
    try {
      this.#unwatch = system.files.watch(place.folder, (changed) => {
        if (changed === null || changed === name) this.#look();
      });
    } catch {
      this.#timer = system.clock.after(lookMs, () => {
        this.#look();
        this.#watch();
      });
    }
  }

  #look(): void {
    if (this.#closed || this.#mending || this.#stands()) return;
    const { log, place } = this.#options;
    this.#mending = true;
    // It must be closed first: closing removes the file of its name, whosever that is by then.
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

  async #listen(): Promise<void> {
    const { system, place, listener } = this.#options;
    if (system.files.stat(place.path)?.kind === "socket") system.files.remove(place.path);
    const server = createServer(listener);
    // A client that keeps its connection must not be cut off between two requests of one command.
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new HermaError("IO", `cannot listen on ${place.path}: ${error.message}`, { cause: error })));
      server.listen(place.path, () => resolve());
    });
    this.#servers.add(server);
    this.#inode = system.files.stat(place.path)?.ino ?? null;
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
