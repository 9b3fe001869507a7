/** What was thrown and nobody caught: a connection's trouble that the next try mends, or a bug. */
export type UncaughtVerdict = "transient" | "bug";

/** How deep causes are followed; deeper chains are circles. */
const causeDepthMax = 12;
/** More of them within a minute are no weather any more. */
export const transientPerMinuteMax = 60;

/** Codes with which Node.js and its HTTP client tell that a connection failed. */
const transientCodes: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_SOCKET",
]);

/** Names of such errors in the libraries of channels; those of the original stand among them (hermes 1.1, step 5). */
const transientNames: ReadonlySet<string> = new Set([
  "TimedOut",
  "NetworkError",
  "ReadError",
  "WriteError",
  "ConnectError",
  "ConnectTimeout",
  "ReadTimeout",
  "WriteTimeout",
  "PoolTimeout",
  "RemoteProtocolError",
  "ServerDisconnectedError",
  "ClientConnectorError",
  "ClientOSError",
  "ConnectTimeoutError",
  "HeadersTimeoutError",
  "BodyTimeoutError",
  "SocketError",
]);

/**
 * Whether a gateway may go on after this. One failed connection must not end it, so known troubles of the network are passed over wherever they
 * stand in the chain of causes; all else is a bug, after which nothing can be trusted. `lastMinute`: how many were passed over within the last
 * minute.
 */
export function uncaughtVerdict(thrown: unknown, lastMinute: number): UncaughtVerdict {
  if (lastMinute >= transientPerMinuteMax) return "bug";
  let error: unknown = thrown;
  for (let depth = 0; depth < causeDepthMax; depth += 1) {
    if (typeof error !== "object" || error === null) return "bug";
    const { code, name, cause } = error as { readonly code?: unknown; readonly name?: unknown; readonly cause?: unknown };
    if (typeof code === "string" && transientCodes.has(code)) return "transient";
    if (typeof name === "string" && transientNames.has(name)) return "transient";
    error = cause;
  }
  return "bug";
}
