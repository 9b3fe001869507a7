import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { deadlineHeader } from "../contract/index.ts";
import { bodyText, type KeeperAnswer, type KeeperApi } from "./api.ts";
import type { Keeper } from "./keeper.ts";

/** Where the events for one listener go. */
export type EventOutput = {
  /** Resolves when it takes more. */
  write(text: string): Promise<void>;
  /** Its connection is cut: it does not read. */
  cutOff(): void;
  /** No more events come. */
  end(): void;
};

/**
 * Tells one listener, one piece for all that waits, made only when it takes more: a slow one makes its own queue coalesce, one that never
 * reads is cut off, and neither delays anybody. Call what it returns when the listener has gone.
 */
export function tellEvents({ doorbell, instanceId }: Pick<Keeper, "doorbell" | "instanceId">, output: EventOutput): () => void {
  const listener = doorbell.listen(() => output.cutOff());
  listener.push({ type: "hello", instance_id: instanceId });
  const tell = async (): Promise<void> => {
    for (let batch = await listener.take(); batch !== null; batch = await listener.take()) {
      await output.write(batch.map(({ type, ...data }) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join(""));
    }
    // The keeper leaves, or the listener has gone.
    output.end();
  };
  void tell();
  return () => doorbell.forget(listener);
}

/** The keeper's API over HTTP. */
export function keeperListener(keeper: Keeper, api: KeeperApi): RequestListener {
  return (incoming, outgoing) => {
    const { method = "", headers, url = "" } = incoming;
    const path = url.split("?", 1)[0] ?? "";
    if (method === "GET" && path === "/v1/events") {
      keeper.enter()();
      streamEvents(keeper, outgoing);
      return;
    }
    const deadline = headers[deadlineHeader];
    const request = { method, path, deadline: typeof deadline === "string" ? deadline : undefined, text: () => bodyText(incoming) };
    void api(request).then((answer) => send(incoming, outgoing, answer));
  };
}

function send(incoming: IncomingMessage, outgoing: ServerResponse, { status, body }: KeeperAnswer): void {
  const text = JSON.stringify(body);
  outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    // What was not read of a body would be taken for the next request.
    ...(incoming.complete ? {} : { connection: "close" }),
  });
  outgoing.end(text);
}

function streamEvents(keeper: Keeper, outgoing: ServerResponse): void {
  outgoing.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let gone = (): void => {};
  const closed = new Promise<void>((resolve) => {
    outgoing.once("close", () => {
      gone();
      resolve();
    });
  });
  gone = tellEvents(keeper, {
    write: async (text) => {
      if (outgoing.write(text)) return;
      await Promise.race([new Promise<void>((resolve) => outgoing.once("drain", () => resolve())), closed]);
    },
    cutOff: () => outgoing.destroy(),
    end: () => outgoing.end(),
  });
}
