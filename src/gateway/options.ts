import type { Config } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import type { GatewayStatus, Listen, Log, Program } from "./types.ts";

export type RunOptions = {
  readonly home: string;
  readonly system: System;
  readonly program: Program;
  readonly log: Log;
  readonly version: string;
  /** Arguments as given to `gateway run`. */
  readonly argv: readonly string[];
  /** In place of herma.yaml's. */
  readonly host?: string;
  /** In place of herma.yaml's; 0: any free one. */
  readonly port?: number;
  readonly openRegistry: (config: Config) => Registry;
  readonly listen: Listen;
  /** Called once everything is up. */
  readonly onReady?: (ready: { readonly status: GatewayStatus; readonly token: string }) => void;
};
