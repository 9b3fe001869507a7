import type { GatewayPhase } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { DrainControl } from "./drainControl.ts";
import type { Work } from "./work.ts";

/** The program that runs a gateway, as far as the gateway touches it. Passed in by the command line, so that tests can play it. */
export type Program = {
  /** Sets what `ps` shows. */
  setTitle(title: string): void;
  /** Calls `heard` at each of these signals, in place of the system's default. Returns its end. */
  onSignals(names: readonly string[], heard: (name: string) => void): () => void;
  /** Calls `heard` with whatever is thrown and caught by nobody, in place of the program's end. Returns its end. */
  onUncaught(heard: (thrown: unknown) => void): () => void;
  /** The real command line: the program and all its arguments. */
  readonly commandLine: readonly string[];
  /** Of the user it runs as; null where the system has none. */
  readonly userId: number | null;
  /** Its environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Whether standard output is a terminal: what is printed there is seen by its owner, and by no log. */
  readonly stdoutIsTerminal: boolean;
  /** Whether standard error is a terminal, which decides how the log looks. */
  readonly stderrIsTerminal: boolean;
};

/** How a gateway ended. */
export type GatewayEnd = { readonly exitCode: number; readonly reason: string };

/** The log: fields first, then the sentence. */
export type Log = {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** Less than this is not written from now on; `silent` writes nothing. */
  setLevel(level: string): void;
  /** Waits until what was logged has been written. */
  flush(): Promise<void>;
};

/** The gateway as it is now, for `/readyz` and the first page. */
export type GatewayStatus = {
  readonly phase: GatewayPhase;
  readonly pid: number;
  readonly started_at: string;
  readonly instance_id: string;
  readonly version: string;
  readonly address: string | null;
  /** Gateways follow each other too quickly here: nothing of before is resumed. */
  readonly restart_loop: boolean;
};

/** What the room above needs to serve the gateway. */
export type GatewayParts = {
  readonly registry: Registry;
  /** The owner's token. */
  readonly token: string;
  readonly log: Log;
  readonly status: () => GatewayStatus;
  /** Aborted when the gateway begins to stop: whatever waits should answer now. */
  readonly stopping: AbortSignal;
  readonly host: string;
  readonly port: number;
  /** Host names that requests may name besides the address. */
  readonly allowedHosts: readonly string[];
  /** Whatever is done for somebody is counted here, and refused while the gateway drains. */
  readonly work: Pick<Work, "run">;
  readonly drain: DrainControl;
  /** The secret that may drain and do nothing else; empty when there is none. */
  readonly drainSecret: string;
};

/** The serving side, made by the room above. Throws PORT_TAKEN when it cannot listen. */
export type Listen = (parts: GatewayParts) => Promise<Listening>;
export type Listening = {
  /** `http://host:port`. */
  readonly address: string;
  /** Stops accepting, lets answers under way finish for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};
