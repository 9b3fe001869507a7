import type { FakeSystem } from "../../system/fake/index.ts";
import type { RunOptions } from "../options.ts";
import type { GatewayEnd, Program } from "../types.ts";
import { type LoggedLine, playGateway } from "./playedGateway.ts";

/** A gateway on a fake machine. */
export type FakeGateway = {
  readonly system: FakeSystem;
  readonly logged: readonly LoggedLine[];
  readonly end: Promise<GatewayEnd>;
  readonly ready: () => boolean;
  /** As the system would deliver it. Nothing happens to a dead one. */
  signal(name: string): void;
  throws(error: unknown): void;
  exits(exitCode: number): void;
};

export const fakeHome = "/home/agent/.herma";

/** Starts a gateway as one program of a fake machine. Time passes only where the test lets it. */
export function fakeGateway(system: FakeSystem, more: Partial<RunOptions> = {}, played: Partial<Program> = {}): FakeGateway {
  // A supervisor starts the next one: nothing is spawned here.
  const supervised = { variables: { HERMA_SUPERVISED: "1" }, ...played };
  const { logged, end, isReady, signal, throws, exits } = playGateway({ home: fakeHome, system }, { standby: false, ...more }, supervised);
  const alive = (act: () => void): void => {
    if (!system.program.dead) act();
  };
  return {
    system,
    logged,
    end,
    ready: isReady,
    signal: (name) => alive(() => signal(name)),
    throws: (error) => alive(() => throws(error)),
    exits: (exitCode) => alive(() => exits(exitCode)),
  };
}
