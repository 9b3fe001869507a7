import { html } from "hono/html";
import type { ProcessView, StatusPayload } from "../contract/index.ts";
import { framed, processTable } from "./page.ts";

/** The dashboard's page: how the gateway is, and what runs. `processes` is null for somebody who is not logged in, who learns nothing else. */
export function dashboardPage(status: StatusPayload, processes: readonly ProcessView[] | null): string {
  if (processes === null) {
    return framed(
      "Herma",
      html`<h1>Herma</h1>
<p>You are not logged in here. Open the link that <code>herma dashboard</code> printed when it started in a terminal: it works once, for ten minutes.
Programs send the owner's token as <code>Authorization: Bearer</code>.</p>`,
    );
  }
  return framed(
    `Herma: ${words(status)}`,
    html`<h1>Herma</h1>
<p>The gateway of <code>${status.hermes_home}</code> <strong>${words(status)}</strong>${facts(status)}.</p>
${processTable(processes)}
<h2>From a program</h2>
<pre>GET /api/health/agent   /api/status   /api/processes   /metrics</pre>
<p><a href="/reference">The reference</a> shows every call; programs read <a href="/openapi.json">/openapi.json</a>.</p>`,
  );
}

function words(status: StatusPayload): string {
  if (status.alive === null) return "cannot be seen from here";
  return status.alive ? `is ${status.gateway_phase ?? status.gateway_state ?? "running"}` : "does not run";
}

function facts(status: StatusPayload): string {
  const told = [
    status.gateway_version === null ? null : `version ${status.gateway_version}`,
    status.gateway_pid === null ? null : `pid ${status.gateway_pid}`,
    status.gateway_running && status.started_at !== null ? `since ${status.started_at}` : null,
    status.exit_reason === null ? null : `it ended: ${status.exit_reason}`,
    status.updated_at === null ? null : `state written ${status.updated_at}`,
  ].filter((each) => each !== null);
  return told.length === 0 ? "" : `: ${told.join(", ")}`;
}
