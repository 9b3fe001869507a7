import type { Config } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import type { GatewayStatus, Listen, Log, Program, ServeControl } from "./types.ts";

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
  /** Takes over from the gateway that runs. */
  readonly replace?: boolean;
  /** Waits for its turn where another gateway runs. Default: when a supervisor would only start it again. */
  readonly standby?: boolean;
  /** Loads what serving needs, while the gateway that is to be taken over still serves: whoever connects between the two waits less then. */
  readonly preload?: () => Promise<void>;
  /** Serves orders on the gateway's own socket. Default: none are served there. */
  readonly serveControl?: ServeControl;
  readonly openRegistry: (config: Config) => Registry;
  readonly listen: Listen;
  /** Throws what would keep it from listening there (PORT_TAKEN, CONFIG_INVALID). Default: that is found out when it listens. */
  readonly tryListening?: (host: string, port: number) => Promise<void>;
  /** Called once everything is up. */
  readonly onReady?: (ready: { readonly status: GatewayStatus; readonly token: string }) => void;
};
