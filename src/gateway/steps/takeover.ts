import { GatewayHandoverAnswer, HermaError, isHermaError } from "../../contract/index.ts";
import { endGateway, findGateway, type ProvenGateway, readGatewayState, unproven } from "../../lifecycle/index.ts";
import { gatewaySockets } from "../../rules/index.ts";
import { runtimeFolder } from "../../system/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";
import type { HandedSocket } from "../types.ts";

/** A gateway that works answers at once; one that hangs is taken over without its socket. */
const handoverMs = 3_000;

/**
 * `--replace`: the running gateway of the home is told to make room, given as long as it says that it takes, and ended by force after that, all by
 * its proven identity. Its listening socket is taken first, so that whoever connects meanwhile waits for us instead of being refused. Throws
 * IDENTITY_UNPROVEN, GATEWAY_SURVIVES, and PORT_TAKEN or CONFIG_INVALID where we could not listen at all.
 */
export function takeoverStep(context: GatewayContext): Step {
  return {
    name: "takeover",
    downMs: 500,
    up: async () => {
      const { home, system, log, replace } = context.options;
      if (replace !== true) return undefined;
      const found = findGateway(system, home);
      if (found.kind === "none" || (found.kind === "proven" && found.identity.pid === system.processes.self().pid)) return undefined;
      if (found.kind === "unproven") throw unproven(found.pid);
      await refuseUselessPlace(context, found);
      const { pid } = found.identity;
      log.info({ pid, program: found.program, waits_s: Math.round(found.endsWithinMs / 1000) }, "taking over from the running gateway");
      await preload(context);
      context.handed = await askForSocket(context, found);
      try {
        const result = await endGateway({
          home,
          system,
          target: found,
          marker: "takeover",
          force: "late",
          signal: context.life.stopping,
        });
        const forced = result.kind === "killed";
        const said = forced ? "the gateway before did not end in time and was killed" : "the gateway before has made room";
        log[forced ? "warn" : "info"]({ pid, waited_ms: result.waitedMs }, said);
      } catch (error) {
        context.handed?.close();
        context.handed = null;
        throw error;
      }
      return () => context.handed?.close();
    },
  };
}

/** Where we cannot listen, the gateway that runs is better than none. */
async function refuseUselessPlace({ options, config }: GatewayContext, running: ProvenGateway): Promise<void> {
  const { home, system, tryListening } = options;
  const port = options.port ?? config.gateway.port;
  try {
    await tryListening?.(options.host ?? config.gateway.host, port);
  } catch (error) {
    const state = readGatewayState(system.files, home);
    const address = state?.pid === running.identity.pid && typeof state.address === "string" ? URL.parse(state.address) : null;
    // Its own port is free when it has gone. One that does not tell its port may have ours.
    if (isHermaError(error, "PORT_TAKEN") && (address === null || Number(address.port) === port)) return;
    throw error;
  }
}

/** Without it everything is loaded when it is needed. */
async function preload({ options }: GatewayContext): Promise<void> {
  try {
    await options.preload?.();
  } catch (error) {
    options.log.debug({ problem: String(error) }, "not loaded ahead");
  }
}

/** Null when it has none for us, whatever the reason: then we listen when it has gone. */
async function askForSocket(context: GatewayContext, target: ProvenGateway): Promise<HandedSocket | null> {
  const { home, system, program, log } = context.options;
  if (target.program !== "herma") return null;
  const state = readGatewayState(system.files, home);
  const control = state?.pid === target.identity.pid ? state.control_socket : null;
  if (typeof control !== "string") return null;
  const { pid } = system.processes.self();
  const uid = program.userId ?? 0;
  const { handover } = gatewaySockets({ home, runtimeFolder: runtimeFolder(system.files, program.variables, uid), uid, pid });
  try {
    if (system.files.stat(handover)?.kind === "socket") system.files.remove(handover);
    const place = system.descriptors.expect(handover);
    if (place === null) return null;
    try {
      const request = { method: "POST", path: "/api/gateway/handover", body: { place: handover } } as const;
      const answer = await system.sockets.askLocal(control, request, handoverMs);
      const parsed = GatewayHandoverAnswer.safeParse(answer?.body);
      const fd = place.take();
      if (fd === null) return null;
      if (!parsed.success) throw new HermaError("IO", "it passed a descriptor without a word");
      const { host, port } = parsed.data;
      return handedSocket(fd, host, port, (closing) => system.descriptors.close(closing));
    } finally {
      place.close();
    }
  } catch (error) {
    log.warn({ problem: String(error) }, "the listening socket could not be taken over; listening anew when the gateway before has gone");
    return null;
  }
}

function handedSocket(fd: number, host: string, port: number, close: (fd: number) => void): HandedSocket {
  let ours: number | null = fd;
  return {
    host,
    port,
    take: () => {
      const taken = ours;
      ours = null;
      return taken;
    },
    close: () => {
      if (ours !== null) close(ours);
      ours = null;
    },
  };
}
