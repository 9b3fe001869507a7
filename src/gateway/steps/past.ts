import { type Autopsy, completeAutopsy, systemLogsOf } from "../../lifecycle/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** The system's logs are asked once the gateway is up: nobody should wait for it because of the one before. */
const askAfterMs = 2_000;

/** Tells what became of the gateways before this one, and whether they follow each other too quickly. */
export function pastStep(context: GatewayContext): Step {
  const { system, log } = context.options;
  return {
    name: "past",
    downMs: 100,
    up: async () => {
      const { autopsies, loop, problem } = context.past;
      if (problem !== null) log.warn({ problem: String(problem) }, "the start of this gateway could not be written down");
      for (const { note } of autopsies)
        log.warn({ instance: note.instance_id, verdict: note.verdict }, `the gateway before: ${note.detail}`);
      if (loop.looping) {
        log.error(
          { boots: loop.boots },
          "gateways of this home follow each other too quickly: people are served, nothing of before is resumed",
        );
        await context.claim.update({ restart_loop: true });
      }
      const timer = system.clock.after(askAfterMs, () => void askTheLogs(context).catch(() => {}), { unref: true });
      return () => timer.cancel();
    },
  };
}

/** A scope in which a diagnosis survives us is looked for now, because there is no time for that at the end. */
async function askTheLogs(context: GatewayContext): Promise<void> {
  const { system, home, program, log } = context.options;
  if (context.manager.supervisor === "systemd") await system.scopes.probe();
  const asked: Autopsy[] = context.past.autopsies.filter(
    ({ evidence, pid }) => evidence.boot === "same" && evidence.ended === "no" && pid > 0,
  );
  for (const autopsy of asked) {
    const logs = await systemLogsOf(system.spawner, program.variables, {
      pid: autopsy.pid,
      since: autopsy.seen.at,
      unit: context.manager.unit(),
    });
    // Whoever holds the home by then writes its diary.
    if (context.life.cause !== null) return;
    const whole = completeAutopsy(system, home, autopsy, logs);
    if (whole.note.verdict !== autopsy.note.verdict)
      log.warn(
        { instance: whole.note.instance_id, verdict: whole.note.verdict },
        `the gateway before, by the system's logs: ${whole.note.detail}`,
      );
  }
}
