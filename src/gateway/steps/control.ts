import { basename } from "node:path";
import { markerPath } from "../../lifecycle/index.ts";
import { gatewaySockets, requirePrivateFolder } from "../../rules/index.ts";
import { lookAtNames, runtimeFolder } from "../../system/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";
import { noteShutdown } from "../farewell.ts";
import { plannedStop } from "../stopCause.ts";

/** How often a marker is looked for where no change was told. */
const lookMs = 1_000;

/**
 * The gateway's own socket: orders reach it there on every system, without a signal, and a new gateway is given the listening socket. Only its
 * owner can reach it. A gateway without it runs all the same.
 */
export function controlStep(context: GatewayContext): Step {
  return {
    name: "control",
    downMs: 1_000,
    up: async () => {
      const { home, system, program, log, serveControl } = context.options;
      if (serveControl === undefined || system.platform === "win32") return undefined;
      const uid = program.userId ?? 0;
      const { pid } = system.processes.self();
      const places = gatewaySockets({ home, runtimeFolder: runtimeFolder(system.files, program.variables, uid), uid, pid });
      try {
        system.files.makeFolder(places.folder);
        const folder = system.files.stat(places.folder);
        // In the home whoever may enter it was let in; elsewhere others may have made the folder.
        if (places.folder !== home) requirePrivateFolder(places.folder, folder, uid);
        // Under the lock, one that stands is a dead gateway's.
        if (system.files.stat(places.control)?.kind === "socket") system.files.remove(places.control);
        const close = await serveControl({
          path: places.control,
          privately: program.privately,
          log,
          clock: system.clock,
          orders: context.orders,
          drain: context.drain,
          passListening: (place) => passListening(context, place),
        });
        system.files.setMode(places.control, 0o600);
        // Whoever is told that we are ready finds it there; the boot need not wait for the disk.
        void context.claim.update({ control_socket: places.control });
        return close;
      } catch (error) {
        log.warn(
          { problem: String(error), path: places.control },
          "no orders can be taken on a socket; signals and HTTP reach it all the same",
        );
        return undefined;
      }
    },
  };
}

function passListening({ listening, options }: GatewayContext, place: string): { passed: boolean; host: string; port: number } {
  const passed = listening?.pass?.(place) ?? false;
  if (passed) options.log.info({ address: listening?.address }, "the next gateway has been given the listening socket");
  return { passed, host: listening?.host ?? "", port: listening?.port ?? 0 };
}

/** A marker of a planned stop that names us ends us without any signal: for systems that have none, and for whoever may not send one. */
export function plannedStopStep(context: GatewayContext): Step {
  return {
    name: "planned stop",
    downMs: 100,
    up: () => {
      const { home, system, log } = context.options;
      return lookAtNames(system, {
        folder: home,
        names: [basename(markerPath(home, "planned_stop"))],
        look: () => {
          if (context.life.cause !== null) return;
          const marker = context.claim.consumeMarker("planned_stop");
          if (marker === null) return;
          noteShutdown(context, null, { kind: "planned_stop", marker });
          // Its writer may be about to send the signal that goes with it.
          context.life.stopFor({ ...plannedStop("marker"), signalFollows: true });
        },
        againMs: () => lookMs,
        blind: (error) => log.debug({ problem: String(error) }, "the home cannot be watched; markers are looked for each second"),
      });
    },
  };
}
