import type { WatchRuleInput } from "../../contract/index.ts";
import type { WaitOptions } from "../../processes/index.ts";

export type Until = NonNullable<WaitOptions["until"]>;

/** A text to look for, as tools take it: `TEXT`, or `re2:PATTERN` for a regular expression. */
export function patternOf(text: string): { readonly pattern: string; readonly re2: boolean } {
  return text.startsWith("re2:") ? { pattern: text.slice(4), re2: true } : { pattern: text, re2: false };
}

/** Rules of a watch that tells every match, from texts as {@link patternOf} takes them. */
export function watchRulesOf(texts: readonly string[]): WatchRuleInput[] {
  return texts.map((text) => {
    const { pattern, re2 } = patternOf(text);
    return { match: re2 ? { re2: pattern } : pattern, mode: "every" };
  });
}

/** What `until` means, or a sentence that says what it can be. */
export function untilOf(text: string): Until | string {
  const value = text.trim();
  const lower = value.toLowerCase();
  if (lower === "exit" || lower === "end" || lower === "") return "exit";
  if (lower === "input") return { input: true };
  if (lower.startsWith("http://") || lower.startsWith("https://")) return { http: value };
  const colon = value.indexOf(":");
  const kind = colon === -1 ? lower : lower.slice(0, colon);
  const rest = colon === -1 ? "" : value.slice(colon + 1);
  if (kind === "match" && rest !== "") return { match: rest };
  if (kind === "re2" && rest !== "") return { match: rest, re2: true };
  if (kind === "http" && /^https?:/i.test(rest)) return { http: rest };
  const number = Number(rest.trim().replace(/s$/, ""));
  if (kind === "quiet" && rest !== "" && Number.isFinite(number) && number > 0) return { quietSeconds: number };
  if (kind === "port" && Number.isInteger(number) && number > 0 && number < 65_536) return { port: number };
  return "until must be exit, match:TEXT, re2:PATTERN, quiet:SECONDS, port:NUMBER, http://ADDRESS or input.";
}
