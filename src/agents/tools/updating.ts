import type { ProcessId, WakePolicy } from "../../contract/index.ts";
import { type Asked, type Deps, problem } from "./asked.ts";
import { watchRulesOf } from "./conditions.ts";
import { limitsOf } from "./limits.ts";
import { answer, block } from "./results.ts";
import type { ToolResult } from "./types.ts";

/** `update`: what its end does, and its limits. */
export async function update({ registry }: Deps, id: ProcessId, asked: Asked): Promise<ToolResult> {
  const { notify_on_complete: notify, on_exit: wake, watch_patterns: patterns, limits } = asked;
  if (notify === undefined && wake === undefined && patterns === undefined && limits === undefined)
    return problem(
      `update needs notify_on_complete, watch_patterns, on_exit or limits: {"action": "update", "session_id": "${id}", "notify_on_complete": true}.`,
    );
  const bounds = limits === undefined ? null : limitsOf(limits);
  if (notify !== undefined || wake !== undefined || patterns !== undefined) {
    const changed = registry.changeInterest(id, {
      ...(notify === undefined ? {} : { notify_on_complete: notify }),
      ...(patterns === undefined ? {} : { watch: watchRulesOf(patterns) }),
      ...(wake === undefined ? {} : { wake: wake as Partial<WakePolicy> }),
    });
    if (changed === null) return problem("Nobody can be told of an end here: use process wait or poll.");
  }
  if (bounds !== null) await registry.plain.updateLimits(id, bounds);
  const view = registry.plain.get(id);
  return answer({
    status: "ok",
    session_id: id,
    ...block({ view, reason: "look", wakeArmed: registry.interest(id)?.notify_on_complete === true }),
  });
}
