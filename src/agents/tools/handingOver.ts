import type { ProcessId } from "../../contract/index.ts";
import { type Asked, type Deps, problem } from "./asked.ts";
import { answer, block } from "./results.ts";
import type { ToolResult } from "./types.ts";

/** `hand_over`: from now on another conversation owns it, and is told of it. */
export function handOver({ registry }: Deps, id: ProcessId, asked: Asked): ToolResult {
  const { to, data } = asked;
  if (to === undefined || data === undefined || data.trim() === "")
    return problem(
      `hand_over needs to (a session) and data (a sentence on what it is for): {"action": "hand_over", "session_id": "${id}", "to": "…", "data": "the dev server of the shop"}.`,
    );
  const interest = registry.plain.interest.handOver(id, { session: to, purpose: data });
  return answer({
    status: "ok",
    message: `${id} belongs to session ${interest.session} now, which is told of it`,
    session_id: id,
    ...block({ view: registry.plain.get(id), reason: "look" }),
  });
}
