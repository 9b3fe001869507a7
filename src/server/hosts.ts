import { HermaError } from "../contract/index.ts";

/** Where the server listens. */
export type Served = { readonly host: string; readonly port: number };

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Refuses requests that a web page made to a name it chose (DNS rebinding) or that come from another page: the Host header must name where we
 * listen, and an Origin, if there is one, too. `allowedHosts` are names its owner reaches us by (of a proxy, of a container), at any port.
 * Throws FORBIDDEN_HOST.
 */
export function checkHost(
  host: string | undefined,
  origin: string | undefined,
  served: Served,
  allowedHosts: readonly string[] = [],
): void {
  if (host === undefined || !namesUs(`http://${host}`, served, allowedHosts)) {
    throw new HermaError(
      "FORBIDDEN_HOST",
      host === undefined ? "the request names no host" : `this server does not serve the host ${JSON.stringify(host)}`,
    );
  }
  if (origin !== undefined && !namesUs(origin, served, allowedHosts))
    throw new HermaError("FORBIDDEN_HOST", `this server does not answer pages of ${JSON.stringify(origin)}`);
}

function namesUs(text: string, served: Served, allowedHosts: readonly string[]): boolean {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return false;
  }
  if (
    // A proxy in front of us may use TLS; requests through it still name an allowed host.
    (url.protocol !== "http:" && url.protocol !== "https:") ||
    url.username !== "" ||
    url.password !== "" ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== ""
  )
    return false;
  if (allowedHosts.includes(url.hostname)) return true;
  if (url.protocol !== "http:") return false;
  if (Number(url.port === "" ? 80 : url.port) !== served.port) return false;
  const name = url.hostname;
  const own = asInUrls(served.host);
  if (isLoopback(name) || name === own) return true;
  // When we listen on every address, we cannot know our names. A literal address at least does not come from a foreign name server.
  return isWildcard(own) && (/^\d+\.\d+\.\d+\.\d+$/.test(name) || name.startsWith("["));
}

/** `host` as the URL of a request shows it: one address has many forms. */
function asInUrls(host: string): string {
  try {
    return new URL(`http://${bracketed(host)}`).hostname;
  } catch {
    return host;
  }
}

function isWildcard(name: string): boolean {
  return name === "0.0.0.0" || name === "[::]";
}

/** An address as it stands in a URL. */
export function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
