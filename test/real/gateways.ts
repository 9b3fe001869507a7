import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deadline } from "../setup/waiting.ts";
import { herma } from "./home.ts";
import { type Started, startProgram } from "./servers.ts";

/** Starts `herma gateway run` as a person would. It is killed when the test ends. */
export function startGateway(
  home: string,
  args: readonly string[] = ["--port", "0"],
  variables: Readonly<Record<string, string>> = {},
): Started {
  return startProgram([herma, "gateway", "run", "--home", home, ...args], variables);
}

export type ReadyGateway = Started & { readonly address: string; readonly token: string };

/** As {@link startGateway}, and waits until it is ready. */
export async function startReady(
  home: string,
  ...more: [args?: readonly string[], variables?: Record<string, string>]
): Promise<ReadyGateway> {
  const gateway = startGateway(home, ...more);
  const address = await deadline(gateway.ready, 60_000, "READY");
  if (address === null) throw new Error(`the gateway has ended: ${gateway.stderr()}`);
  return { ...gateway, address, token: readFileSync(join(home, "token"), "utf8").trim() };
}

export function stateOf(home: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, "gateway_state.json"), "utf8")) as Record<string, unknown>;
}
