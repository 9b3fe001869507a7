import { homePaths } from "../../contract/index.ts";
import { readGatewayState } from "../../lifecycle/index.ts";
import { bad, type Check, note, ok } from "./finding.ts";

const watchMsMax = 2_000;
/** Clocks of disks on other machines differ; more than this makes ages wrong. */
const clockMsMax = 5_000;
const futureMsMax = 60_000;
const descriptorsMin = 100;

/** What Herma needs of the machine, each tried out. */
export const systemChecks: readonly Check[] = [
  {
    name: "lock",
    inHome: true,
    inScratch: true,
    look: ({ system, scratch }) => {
      const path = `${scratch}/lock`;
      const lock = system.locks.tryTake(path);
      if (lock === null) return bad("a lock that nobody holds could not be taken", "The home must be on a file system with locks (flock).");
      try {
        if (system.locks.tryTake(path) !== null)
          return bad("a lock could be taken twice", "The home must be on a file system with locks (flock).");
        const seen = system.locks.look(path);
        if (seen.held === false) return bad("a lock that is held looks free", "Two gateways could run; move the home to a local disk.");
        if (seen.held === "unknown") return note("locks work, but who holds one cannot be seen here; the heartbeat tells instead");
        return ok("a lock is held once, and is seen");
      } finally {
        lock.release();
      }
    },
  },
  {
    name: "identity",
    look: ({ system }) => {
      const seen = system.processes.look(system.processes.self().pid);
      if (seen.kind !== "alive")
        return bad(
          "this program cannot find itself in the process table",
          "Nothing can be signalled safely without one; is /proc mounted?",
        );
      const handle = system.processes.open(system.processes.self());
      if (typeof handle === "string") return bad("no handle on a living process can be had");
      handle.close();
      return ok("processes are known by boot, pid and start time");
    },
  },
  {
    name: "watch",
    inHome: true,
    inScratch: true,
    look: async ({ system, scratch }) => {
      const heard = Promise.withResolvers<boolean>();
      const timer = system.clock.after(watchMsMax, () => heard.resolve(false));
      let end: (() => void) | null = null;
      try {
        end = system.files.watch(scratch, () => heard.resolve(true));
        system.files.replace(`${scratch}/watched`, "", { durable: false });
        if (await heard.promise) return ok("changes of files are heard at once");
        return note(
          "changes of files are not heard; they are looked for every second",
          "Network file systems tell nothing; a local disk does.",
        );
      } catch (error) {
        return note(`folders cannot be watched: ${(error as Error).message}`, "Raise fs.inotify.max_user_instances and max_user_watches.");
      } finally {
        timer.cancel();
        end?.();
      }
    },
  },
  {
    name: "clock",
    inHome: true,
    inScratch: true,
    look: ({ cli, system, scratch }) => {
      const path = `${scratch}/clock`;
      system.files.replace(path, "", { durable: false });
      const nowMs = system.clock.wallMs();
      const apartMs = Math.abs(nowMs - (system.files.stat(path)?.mtimeMs ?? nowMs));
      if (apartMs > clockMsMax)
        return bad(
          `the clock of the home's disk is ${Math.round(apartMs / 1000)} s apart from this machine's`,
          "Let both follow one time server.",
        );
      const written = Date.parse(String(readGatewayState(system.files, cli.home)?.updated_at ?? ""));
      if (written - nowMs > futureMsMax)
        return bad(
          "the last heartbeat was written in the future: the clock was set back",
          "Restart the gateway; markers and ages count from its start.",
        );
      return ok("the disk and this machine agree on the time");
    },
  },
  {
    name: "descriptors",
    look: ({ system }) => {
      const left = system.files.descriptorsLeft();
      if (left === null) return ok("the system does not tell how many files may be open");
      if (left < descriptorsMin) return bad(`only ${left} more files may be opened`, "Raise the limit (ulimit -n).");
      return ok(`${left} more files may be opened`);
    },
  },
  {
    name: "holder",
    inHome: true,
    look: ({ cli, system }) => {
      const paths = homePaths(cli.home);
      const [herma, hermes] = [system.locks.look(paths.hermaLock), system.locks.look(paths.gatewayLock)];
      if (herma.held === false && hermes.held === true)
        return note(
          `a Hermes gateway${hermes.pid === null ? "" : ` (pid ${hermes.pid})`} holds this home`,
          "`herma gateway run --replace` takes over from it.",
        );
      if (herma.held === true && hermes.held === false)
        return bad(
          "a gateway runs without gateway.lock, by which tools of Hermes see it",
          "It restores it at its next heartbeat; restart it if this stays.",
        );
      if (herma.held === "unknown") return ok("nobody is seen to hold this home; a holder in another container could not be seen");
      return ok(herma.held === true ? "one gateway holds both locks" : "no gateway holds this home");
    },
  },
];
