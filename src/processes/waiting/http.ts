import { type Condition, nothingFound, type Scene } from "./condition.ts";
import { probeCondition } from "./probe.ts";

/** Pause between one try, whether it got a wrong answer or none, and the next. */
const httpLookMs = 100;
const answerMsMax = 5000;

/** A GET is answered with the status, or with any from 200 to 399. Nothing of the answer but its status is read, and no redirection followed. */
export function httpCondition(scene: Scene, { url, status }: { readonly url: string; readonly status: number | null }): Condition {
  const { sockets } = scene.context.system;
  return probeCondition(scene, {
    cause: "http",
    everyMs: httpLookMs,
    found: nothingFound,
    ask: async () => {
      const answered = await sockets.httpStatus(url, answerMsMax);
      if (answered === null) return false;
      return status === null ? answered >= 200 && answered < 400 : answered === status;
    },
  });
}
