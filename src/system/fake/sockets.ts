import type { Sockets } from "../types.ts";
import type { FakeMachine } from "./machine.ts";

/** Sockets as the test lists them: `machine.listening` (port to pid) and `machine.answers` (address to status). */
export function fakeSockets(machine: FakeMachine): Sockets {
  return {
    listeners: (port) => (machine.listening.has(port) ? [port] : []),
    holds: (pid, sockets) => [...sockets].some((port) => machine.listening.get(port) === pid),
    connects: async (_host, port) => machine.listening.has(port),
    askLocal: async (socket, request) => machine.localServers.get(socket)?.(request) ?? null,
    httpStatus: async (url) => machine.answers.get(url) ?? null,
  };
}
