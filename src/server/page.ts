import { html, raw } from "hono/html";
import type { ProcessView } from "../contract/index.ts";
import type { GatewayStatus } from "../gateway/index.ts";

/** Its only style; no script, nothing from elsewhere. */
const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 0.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top; overflow-wrap: anywhere; }
`;

/** Content security policy: a browser may only show our pages. */
export const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/** The first page: what this is, how it is, how to get in. `processes` is null for somebody who is not logged in. */
export function firstPage(status: GatewayStatus, processes: readonly ProcessView[] | null): string {
  const address = status.address ?? "";
  return framed(
    `Herma: ${status.phase}`,
    html`<h1>Herma</h1>
<p>The gateway that keeps the work of AI agents running. It is <strong>${status.phase}</strong>: version ${status.version}, pid ${status.pid}, since ${status.started_at}.</p>
${processes === null ? loginHelp() : processTable(processes)}
<h2>From a program</h2>
<p>The owner's token stands in the file <code>token</code> in the home (<code>~/.herma</code> unless chosen otherwise). <a href="/reference">The reference</a> shows every call; programs read <a href="/openapi.json">/openapi.json</a>.</p>
<pre>curl -H "Authorization: Bearer $(cat ~/.herma/token)" ${address}/api/processes</pre>
<h2>From a shell</h2>
<pre>herma run -- sh -c 'echo hello'
herma ps --all</pre>`,
  );
}

/** A whole page of ours. `more`: style that only this page needs. */
export function framed(title: string, body: ReturnType<typeof html>, more = ""): string {
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${raw(style)}${raw(more)}</style></head>
<body>
${body}
</body>
</html>
`;
  return String(page);
}

function loginHelp() {
  return html`<p>You are not logged in here. Run <code>herma gateway link</code>, or open the link that the gateway printed when it started: each works once, for ten minutes.</p>`;
}

/** The live processes, as rows. */
export function processTable(processes: readonly ProcessView[]) {
  if (processes.length === 0) return html`<p>No process is running.</p>`;
  const rows = processes.map(
    (process) =>
      html`<tr><td><code>${process.id}</code></td><td>${process.name ?? ""}</td><td>${process.phase}</td><td><code>${commandText(process.command)}</code></td></tr>`,
  );
  return html`<h2>Running</h2>
<table><thead><tr><th>Id</th><th>Name</th><th>Phase</th><th>Command</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function commandText(command: string | readonly string[]): string {
  return typeof command === "string" ? command : command.join(" ");
}
