import { type ConformanceWorld, conformance, type Programs } from "../conformance.ts";
import { FakeMachine, fakeProgram, type Script } from "./index.ts";
import { testActor } from "./program.ts";

const programs: Programs = {
  exit: (code) => ["exit", String(code)],
  dieOf: (signal) => ["die", signal],
  print: (text) => ["print", text],
  printError: (text) => ["print", text],
  flood: (bytes) => ["flood", String(bytes)],
  copyInput: () => ["copy"],
  sleep: () => ["sleep"],
  ignoreTerm: () => ["ignoreTerm"],
  leaveBehind: () => ["leaveBehind"],
  showVariable: (name) => ["showVariable", name],
  showSize: () => ["showSize"],
};

const late: Script = (run) => {
  run.onSignal("SIGUSR1", () => {
    run.print("late\n");
    run.exit(0);
  });
};

const scripts: Record<string, Script> = {
  exit: (run) => run.exit(Number(run.argv[1])),
  die: (run) => run.die(run.argv[1]!),
  print: (run) => {
    run.print(run.argv[1]!);
    run.exit(0);
  },
  flood: (run) => {
    run.print(Buffer.alloc(Number(run.argv[1])));
    run.exit(0);
  },
  copy: (run) => {
    run.onInput((bytes) => {
      run.print(bytes ?? "<eof>");
      if (bytes === null) run.exit(0);
    });
  },
  sleep: (run) => run.print("ready\n"),
  ignoreTerm: (run) => {
    run.onSignal("SIGTERM", () => run.print("no\n"));
    run.print("ready\n");
  },
  leaveBehind: (run) => {
    const child = run.fork(late);
    run.print(`${child.pid}\n`);
    run.exit(5);
  },
  showVariable: (run) => {
    run.print(`${run.variables[run.argv[1]!]}\n`);
    run.exit(0);
  },
  showSize: (run) => {
    const show = (): void => {
      const { rows, cols } = run.terminal!.size();
      run.print(`${rows}x${cols}\n`);
    };
    show();
    run.onInput((line) => {
      run.print(`got ${line}`);
      show();
      run.exit(4);
    });
  },
};

function makeWorld(): ConformanceWorld {
  const machine = new FakeMachine({ seed: 7 });
  for (const [name, script] of Object.entries(scripts)) machine.install(name, script);
  machine.disk.makeFolder(testActor, "/home", 0o700);
  machine.disk.makeFile(testActor, "/tmp/text", 0o600);
  machine.installNoFormat("/tmp/noformat");
  const { time } = machine;
  return {
    system: fakeProgram(machine, "under test"),
    folder: "/home",
    programs,
    variables: { PATH: "/bin" },
    notExecutable: "/tmp/text",
    noFormat: "/tmp/noformat",
    until: (what, condition) => time.until(what, condition),
    pass: (ms) => time.advance(ms),
    makeLink: (path, target) => machine.disk.makeLink(path, target),
    smallDisk: (bytes) => {
      machine.disk.bytesMax = bytes;
      return { folder: "/home" };
    },
    openDescriptor: () => ({ fd: 7, isSame: (other) => other === 7 }),
    lockElsewhere: async (path) => {
      const other = fakeProgram(machine, "other");
      other.locks.tryTake(path);
      const release = async (): Promise<void> => other.program.kill();
      return { pid: other.program.process.pid, release };
    },
    manager: async (socket) => {
      const told: string[] = [];
      machine.notified.set(socket, told);
      return { told: () => told };
    },
    stranger: async (name) => {
      const run = machine.stranger(name);
      return { pid: run.pid, end: () => run.exit(7) };
    },
    neglected: async () => {
      const parent = machine.stranger("parent");
      parent.process.waits = false;
      const child = parent.fork(() => {});
      return { pid: child.pid, end: () => child.exit(7) };
    },
    noGroups: null,
    close: async () => {},
  };
}

conformance("fake", makeWorld);
