import type { MiddlewareHandler } from "hono";
import { HermaError } from "../contract/index.ts";

/**
 * Refuses requests whose body is larger than `bytesMax`, by what they announce, else by what comes. Throws BODY_TOO_LARGE.
 *
 * Hono's own middleware is not used: of a body without an announced length it makes a new Request out of the HTTP adapter's, which is one only
 * where the adapter has put its class in the place of the global one. Here it has not, so such requests would fail.
 */
export function limitBody(bytesMax: number): MiddlewareHandler {
  return async (c, next) => {
    const { raw } = c.req;
    const announced = raw.headers.get("content-length");
    if (announced !== null && !raw.headers.has("transfer-encoding")) {
      if (Number(announced) > bytesMax) throw tooLarge(bytesMax);
    } else if (raw.body !== null) {
      const body = await bodyWithin(raw.body, bytesMax);
      // What was read is gone from the request: the handlers get one that still has it.
      c.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, signal: raw.signal, body });
    }
    await next();
  };
}

/** All bytes of a body; null when there are none. */
async function bodyWithin(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return bytes === 0 ? null : Buffer.concat(chunks);
}

function tooLarge(bytesMax: number): HermaError {
  return new HermaError("BODY_TOO_LARGE", `the body is larger than ${bytesMax} bytes`);
}
