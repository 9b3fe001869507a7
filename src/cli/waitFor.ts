import type { WaitedProcess } from "../contract/index.ts";
import type { Until } from "../processes/index.ts";
import { parseDuration } from "../rules/index.ts";
import { badOption } from "./report.ts";

const forms = "exit, match:TEXT, re2:PATTERN, quiet:5s, port:3000, port:HOST:3000, http://…, or input";

/** What `--for` says. Throws BAD_REQUEST. */
export function parseWaitFor(text: string): Until {
  const [, word = "", rest = ""] = /^([a-z0-9]+)(?::([\s\S]*))?$/.exec(text) ?? [];
  if (word === "exit" && rest === "") return "exit";
  if (word === "input" && rest === "") return { input: true };
  if (word === "match" && rest !== "") return { match: rest };
  if (word === "re2" && rest !== "") return { match: rest, re2: true };
  if (word === "http" || word === "https") return { http: rest.startsWith("//") ? text : rest };
  const quietMs = word === "quiet" ? parseDuration(rest) : null;
  if (quietMs !== null && quietMs > 0) return { quietSeconds: quietMs / 1000 };
  const port = word === "port" ? /^(?:(.+):)?(\d{1,5})$/.exec(rest) : null;
  if (port !== null) return { port: Number(port[2]), ...(port[1] === undefined ? {} : { host: port[1].replace(/^\[(.*)\]$/, "$1") }) };
  throw badOption("--for", text, forms);
}

/** What happened, as the end of a sentence that begins with the process's id. */
export function metSentence(view: WaitedProcess, until: Until): string {
  if (view.match !== undefined) return `printed: ${view.match.line}`;
  if (typeof until !== "object") return "has ended";
  if ("quietSeconds" in until) return `has printed nothing for ${until.quietSeconds} s`;
  if ("port" in until) return `listens on port ${until.port}`;
  if ("http" in until) return `answers at ${until.http}`;
  return view.secret_prompt === true ? "waits for a password" : "waits for input";
}
