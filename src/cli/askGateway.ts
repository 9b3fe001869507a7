import { HermaError, homePaths } from "../contract/index.ts";
import type { Sockets, System } from "../system/index.ts";

/** What a gateway is asked: the same on its own socket and over HTTP. */
export type GatewayQuestion = Parameters<Sockets["askLocal"]>[1];
export type GatewayAnswer = { readonly status: number; readonly body: unknown };

/** The token file is 44 bytes long; a larger one is not ours. */
const tokenBytesMax = 4_096;

/**
 * Asks the gateway that listens at `address` (`http://host:port`) over HTTP, with the owner's token. Throws an Error whose message says why there
 * is no answer; a refusal is an answer.
 */
export async function askOverHttp(
  { files }: Pick<System, "files">,
  home: string,
  address: string,
  question: GatewayQuestion,
  timeoutMs: number,
): Promise<GatewayAnswer> {
  const { method, path, body } = question;
  const token = files.read(homePaths(home).token, tokenBytesMax)?.toString("utf8").trim() ?? "";
  try {
    const answer = await fetch(`${address}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    // `fetch` says "fetch failed", and its cause says why.
    const { message, cause } = error as { message: string; cause?: { message?: string } };
    throw new Error(cause?.message ?? message, { cause: error });
  }
}

/** The error that a refusal of the gateway tells. `body`: of its answer, problem details as `server/problems.ts` makes them. */
export function refusalOf(body: unknown): HermaError {
  const { code, detail, hint, data } = (body ?? {}) as Record<string, unknown>;
  return HermaError.fromBody({ code, message: detail, hint, data });
}
