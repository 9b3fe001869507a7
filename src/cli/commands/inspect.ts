import { type Interest, isHermaError, type ProcessId, type ProcessView } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import { formatBytes, formatDuration } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { commandText } from "../commandText.ts";
import { endingSentence } from "../endings.ts";
import { limitsText } from "../limitText.ts";
import { output } from "../output.ts";
import { harmless } from "../table.ts";

/** `herma inspect`: everything the folder tells, or the keeper of a process whose folder was removed. */
export async function inspect(cli: Cli, words: readonly string[], _options: object): Promise<number> {
  const registry = await cli.registry();
  const id = registry.resolve(words[0]!);
  if ((await registry.inspect(id)).problem !== null) await registry.recover();
  const view = await registry.inspect(id);
  const interest = interestOf(registry, id);
  if (cli.json) {
    output.json({ ...view, interest, watches: interest === null ? [] : registry.interest.watches(id) });
    return 0;
  }
  const rows = [...rowsOf(view), ...(interest === null ? [] : interestRows(registry, view, interest))].filter(
    (row): row is [string, string] => row[1] !== null,
  );
  const width = Math.max(...rows.map(([title]) => title.length));
  for (const [title, value] of rows) output.line(`${output.style("bold", `${title}:`.padEnd(width + 1))} ${harmless(value)}`);
  return 0;
}

function rowsOf(view: ProcessView): [string, string | null][] {
  const owner = [view.owner.kind, view.owner.session, view.owner.task].filter((each) => each !== undefined).join(" / ");
  const usage = view.exit?.usage ?? null;
  return [
    ["id", view.id],
    ["name", view.name],
    ["phase", view.exit === null ? view.phase : `${view.phase}: ${endingSentence(view.exit)}`],
    ["stopping for", view.stopping_for],
    ["command", commandText(view.command)],
    ["folder", view.cwd],
    ["pid", view.pid === null ? null : String(view.pid)],
    ["created", view.created_at],
    ["started", view.started_at],
    ["ended", view.ended_at],
    ["uptime", view.uptime_seconds === null ? null : formatDuration(view.uptime_seconds * 1000)],
    ["processor", usage?.cpu_ms == null ? null : formatDuration(usage.cpu_ms)],
    ["peak memory", usage?.max_rss_bytes == null ? null : formatBytes(usage.max_rss_bytes)],
    ["input", view.tty === null ? view.stdin : `terminal ${view.tty.cols}×${view.tty.rows}`],
    ["output", outputText(view)],
    ["limits", limitsText(view.limits)],
    ["losses", view.losses.length === 0 ? null : view.losses.map((loss) => `${loss.reason} at ${loss.from}`).join(", ")],
    [
      "survivors",
      view.exit === null || view.exit.survivors.length === 0
        ? null
        : view.exit.survivors.map((each) => `${each.pid} (${each.name})`).join(", "),
    ],
    ["owner", owner],
    ["lifetime", view.lifetime],
    ["where", view.environment],
    ["survives a gateway's stop", view.restart_survival],
    ["adopted", view.adoptions === 0 ? null : `${view.adoptions} times`],
    ["problem", view.problem],
  ];
}

function interestOf(registry: Registry, id: ProcessId): Interest | null {
  try {
    return registry.interest.get(id);
  } catch (error) {
    // Its folder was removed, or a Hermes left it without what proves its identity.
    if (isHermaError(error, "PROCESS_NOT_FOUND") || isHermaError(error, "IDENTITY_UNPROVEN")) return null;
    throw error;
  }
}

/** Who wants to be told what of it, and what became of that. */
function interestRows(registry: Registry, view: ProcessView, interest: Interest): [string, string | null][] {
  const watches = registry.interest.watches(view.id).map((watch) => {
    const { match, negative_seconds } = watch.rule;
    const what = `${typeof match === "string" ? match : `/${match.re2}/`}${negative_seconds === undefined ? "" : ` missing for ${negative_seconds} s`}`;
    return `${what}: ${watch.state}, ${watch.hits} ${watch.hits === 1 ? "match" : "matches"}`;
  });
  const notices = registry.notices.list({ process: view.id }).map((notice) => `${notice.kind} ${notice.state}`);
  return [
    ["purpose", interest.purpose],
    ["tells its end", interest.notify_on_complete ? "yes" : null],
    ["tells that it runs", interest.heartbeat_seconds === null ? null : `every ${formatDuration(interest.heartbeat_seconds * 1000)}`],
    ["watches", watches.length === 0 ? null : watches.join("; ")],
    ["notices", notices.length === 0 ? null : notices.join(", ")],
  ];
}

function outputText(view: ProcessView): string {
  const { end, kept_bytes, dropped_bytes } = view.output;
  const kept = dropped_bytes > 0 ? `, ${formatBytes(kept_bytes)} kept, ${formatBytes(dropped_bytes)} dropped` : "";
  return `${formatBytes(end)}${kept}${view.paused ? ", paused: the limit is reached" : ""}`;
}
