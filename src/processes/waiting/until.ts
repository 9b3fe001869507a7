import { HermaError } from "../../contract/index.ts";
import { compilePattern } from "../patterns.ts";
import type { Until } from "../types.ts";
import { type Condition, exitCondition, type Scene } from "./condition.ts";

/**
 * Checks what is waited for and gives what makes a condition of it for each process; only what is needed for it is loaded. Throws BAD_REQUEST.
 */
export async function conditionMaker(until: Until, after: number | undefined): Promise<(scene: Scene) => Condition> {
  if (after !== undefined && (!Number.isSafeInteger(after) || after < 0)) throw wrong("after is an absolute byte offset, 0 or more");
  if (until === "exit") return exitCondition;
  if (typeof until !== "object" || until === null) throw unknown();
  if ("match" in until) {
    const pattern = compilePattern(until.match, until.re2 === true);
    const { matchCondition } = await import("./match.ts");
    return (scene) => matchCondition(scene, { pattern, after: after ?? 0 });
  }
  if ("quietSeconds" in until) {
    const { quietSeconds } = until;
    if (!(quietSeconds > 0) || quietSeconds > quietSecondsMax) throw wrong(`quietSeconds is more than 0 and at most ${quietSecondsMax}`);
    const { quietCondition } = await import("./quiet.ts");
    return (scene) => quietCondition(scene, quietSeconds);
  }
  if ("port" in until) {
    if (!Number.isInteger(until.port) || until.port < 1 || until.port > 65_535) throw wrong("port is a whole number from 1 to 65535");
    const { portCondition } = await import("./port.ts");
    return (scene) => portCondition(scene, until);
  }
  if ("http" in until) {
    const url = URL.canParse(until.http) ? new URL(until.http) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) throw wrong("http is an address that begins with http:// or https://");
    const { httpCondition } = await import("./http.ts");
    return (scene) => httpCondition(scene, { url: url.href, status: until.status ?? null });
  }
  if ("input" in until) return (await import("./input.ts")).inputCondition;
  throw unknown();
}

const quietSecondsMax = 86_400;

function wrong(message: string): HermaError {
  return new HermaError("BAD_REQUEST", message);
}

function unknown(): HermaError {
  return wrong("until is `exit`, {match}, {quietSeconds}, {port}, {http} or {input: true}");
}
