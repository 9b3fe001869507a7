import { homePaths } from "../contract/index.ts";
import type { GatewayStatus } from "../gateway/index.ts";
import { type Auth, ticketMs } from "./auth.ts";

/**
 * The lines that tell people where the gateway listens and how to get in. The first line is what scripts wait for. `auth`: null where the lines go to
 * a log, which others may read and which keeps them; then there is no login link.
 */
export function greeting(status: GatewayStatus, auth: Auth | null, home: string): string {
  const address = status.address ?? "";
  const token = homePaths(home).token;
  return [
    `READY ${address}`,
    `  Herma ${status.version}, pid ${status.pid}, home ${home}`,
    auth === null ? `  Open it      ${address}   (\`herma gateway link\` logs a browser in)` : linkLine(auth.loginLink(address)),
    `  Token        ${token}   (for Authorization: Bearer)`,
    "  Start one    herma run -- sh -c 'echo hello'",
    `               curl -H "Authorization: Bearer $(cat ${shellWord(token)})" -d '{"command":"echo hello"}' ${address}/api/processes`,
    "  Stop         Ctrl-C (processes go on)",
  ].join("\n");
}

/** The line with a link of {@link Auth.loginLink}. */
export function linkLine(link: string): string {
  return `  Open it      ${link}   (works once, for ${ticketMs / 60_000} minutes)`;
}

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
