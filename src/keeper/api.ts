import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import {
  type CheckingSchema,
  checked,
  deadlineHeader,
  HermaError,
  isHermaError,
  KeeperInput,
  type KeeperInputResult,
  KeeperKill,
  KeeperLimits,
  type KeeperLimitsResult,
  KeeperResize,
  KeeperSignal,
  KeeperStart,
  type ProcessId,
  ProcessId as ProcessIdSchema,
} from "../contract/index.ts";
import type { Clock, System } from "../system/index.ts";
import { inputState } from "./inputState.ts";
import type { Keeper } from "./keeper.ts";
import { type Log, messageOf } from "./log.ts";

/** Bodies larger than this are refused: input comes in pieces. */
const bodyBytesMax = 4_194_304;

export type ApiOptions = {
  readonly keeper: Keeper;
  readonly system: Pick<System, "clock" | "processes">;
  readonly log: Log;
  /** After `POST /hangup` was answered: leave. */
  readonly hungUp: () => void;
};

/** The keeper's API (contract/keeperApi.ts) as a Hono app, with no socket of its own. */
export function createKeeperApi({ keeper, system, log, hungUp }: ApiOptions): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    const known = isHermaError(error) ? error : new HermaError("INTERNAL", messageOf(error), { cause: error });
    if (known.code === "INTERNAL") log(`${c.req.method} ${c.req.path}: ${error.stack ?? String(error)}`);
    return c.json(known.toBody(), known.row.http as 500);
  });
  app.notFound((c) => c.json(new HermaError("NOT_FOUND", `the keeper has no ${c.req.method} ${c.req.path}`).toBody(), 404));

  app.use(async (_c, next) => {
    const leave = keeper.enter();
    try {
      await next();
    } finally {
      leave();
    }
  });
  app.use(bodyLimit({ maxSize: bodyBytesMax, onError: refuseBody }));

  const inTime = (c: Context): void => {
    if (isExpired(c, system.clock)) throw expired();
  };
  /** Body and deadline: whoever has it acts at once. */
  const bodyOf = async <T>(schema: CheckingSchema<T>, c: Context): Promise<T> => {
    const body = checked(schema, await json(c.req.raw), "body");
    inTime(c);
    return body;
  };

  app.post("/hangup", async (c) => {
    inTime(c);
    await keeper.hangup();
    hungUp();
    return c.json({ status: "left" });
  });

  app.get("/v1/hello", (c) => c.json(keeper.hello()));
  app.get("/v1/events", (c) => events(keeper, (c.env as Partial<HttpBindings> | undefined)?.outgoing));
  app.post("/v1/adopt", async (c) => {
    inTime(c);
    return c.json({ adopted: await keeper.adopt() });
  });
  app.get("/v1/processes", (c) => c.json({ processes: keeper.list() }));
  app.post("/v1/processes", async (c) => {
    const body = checked(KeeperStart, await json(c.req.raw), "body");
    if (isExpired(c, system.clock)) {
      // Nobody may be there any more to say that it was not started.
      await keeper.refuseStart(body.id, { error: "REQUEST_EXPIRED", message: expired().message });
      throw expired();
    }
    return c.json(await keeper.start(body.id, body.variables, body.login_variables, body.pass_variables), 201);
  });
  app.get("/v1/processes/:id", (c) => c.json(keeper.view(idOf(c.req.param("id")))));
  app.post("/v1/processes/:id/input", async (c) => {
    const held = keeper.get(idOf(c.req.param("id")));
    const body = await bodyOf(KeeperInput, c);
    const result: KeeperInputResult = held.write(Buffer.from(body.data, "base64"), body.eof);
    return c.json(result);
  });
  app.get("/v1/processes/:id/input-state", (c) => {
    const { state, streams } = keeper.get(idOf(c.req.param("id")));
    return c.json(inputState(system, { state, terminal: streams.line.terminal, justWritten: streams.justWritten }));
  });
  app.post("/v1/processes/:id/resize", async (c) => {
    const held = keeper.get(idOf(c.req.param("id")));
    held.resize(await bodyOf(KeeperResize, c));
    return c.json({});
  });
  app.post("/v1/processes/:id/limits", async (c) => {
    const held = keeper.get(idOf(c.req.param("id")));
    const result: KeeperLimitsResult = { limits: held.changeLimits(await bodyOf(KeeperLimits, c)) };
    return c.json(result);
  });
  app.post("/v1/processes/:id/signal", async (c) => {
    const held = keeper.get(idOf(c.req.param("id")));
    const body = await bodyOf(KeeperSignal, c);
    return c.json({ signalled: held.signal(body.signal, body.tree) });
  });
  app.post("/v1/processes/:id/kill", async (c) => {
    const id = idOf(c.req.param("id"));
    return c.json(await keeper.kill(id, await bodyOf(KeeperKill, c)));
  });
  return app;
}

/**
 * Server-sent events, one chunk for all that waits, made only when the reader asks for more: a slow one makes its own queue coalesce, one that
 * never reads is cut off, and neither delays anybody.
 */
function events(keeper: Keeper, connection: HttpBindings["outgoing"] | undefined): Response {
  const { doorbell } = keeper;
  let output: ReadableStreamDefaultController<Uint8Array> | null = null;
  const listener = doorbell.listen(() => {
    // Whoever does not read sees no end of a stream either, only that of its connection.
    if (connection === undefined) output?.error(new HermaError("DEADLINE", "the listener does not read"));
    else connection.destroy();
    output = null;
  });
  listener.push({ type: "hello", instance_id: keeper.instanceId });
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        output = controller;
      },
      pull: async (controller) => {
        const batch = await listener.take();
        if (batch !== null) {
          controller.enqueue(Buffer.from(batch.map(({ type, ...data }) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join("")));
          return;
        }
        doorbell.forget(listener);
        // Neither cut off nor cancelled: the keeper leaves.
        if (output !== null) controller.close();
        output = null;
      },
      cancel: () => {
        output = null;
        doorbell.forget(listener);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

function refuseBody(): never {
  throw new HermaError("BODY_TOO_LARGE", `a body has at most ${bodyBytesMax} bytes`);
}

function idOf(text: string): ProcessId {
  const parsed = ProcessIdSchema.safeParse(text);
  if (!parsed.success) throw new HermaError("PROCESS_NOT_FOUND", `${JSON.stringify(text.slice(0, 40))} is not a process id`);
  return parsed.data;
}

function isExpired(c: Context, clock: Clock): boolean {
  const deadline = c.req.header(deadlineHeader);
  return deadline !== undefined && clock.wallMs() > Number(deadline);
}

function expired(): HermaError {
  return new HermaError("REQUEST_EXPIRED", "the request came to the keeper when its caller had already given it up");
}

async function json(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HermaError("BAD_REQUEST", `the body is not JSON: ${messageOf(error)}`);
  }
}
