import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import {
  type CheckingSchema,
  checked,
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
  /** After `POST /hangup` was carried out: leave. */
  readonly hungUp: () => void;
};

export type KeeperRequest = {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  /** What stands in {@link deadlineHeader}. */
  readonly deadline: string | undefined;
  /** The body, whole. */
  text(): Promise<string>;
};

/** `body` goes out as JSON. */
export type KeeperAnswer = { readonly status: number; readonly body: unknown };

/** Answers one request; never throws. */
export type KeeperApi = (request: KeeperRequest) => Promise<KeeperAnswer>;

type Route = (request: KeeperRequest, id: string) => KeeperAnswer | Promise<KeeperAnswer>;

/** The keeper's API (contract/keeperApi.ts) without its socket; `GET /v1/events` is listening.ts. */
export function createKeeperApi(options: ApiOptions): KeeperApi {
  const { keeper, log } = options;
  const routes: Readonly<Record<string, Route>> = { ...keeperRoutes(options), ...processRoutes(options) };
  return async (request) => {
    const leave = keeper.enter();
    try {
      const { name, id } = routeOf(request);
      const route = routes[name];
      if (route === undefined) throw new HermaError("NOT_FOUND", `the keeper has no ${request.method} ${request.path}`);
      return await route(request, id);
    } catch (error) {
      const known = isHermaError(error) ? error : new HermaError("INTERNAL", messageOf(error), { cause: error });
      if (known.code === "INTERNAL") log(`${request.method} ${request.path}: ${error instanceof Error ? error.stack : String(error)}`);
      return { status: known.row.http, body: known.toBody() };
    } finally {
      leave();
    }
  };
}

const processPath = /^\/v1\/processes\/([^/]+)(\/[^/]+)?$/;

function routeOf({ method, path }: KeeperRequest): { readonly name: string; readonly id: string } {
  const [, id, verb = ""] = processPath.exec(path) ?? [];
  return id === undefined ? { name: `${method} ${path}`, id: "" } : { name: `${method} /v1/processes/:id${verb}`, id };
}

const answer = (body: unknown, status = 200): KeeperAnswer => ({ status, body });

/** What is asked of the keeper itself. */
function keeperRoutes({ keeper, system, hungUp }: ApiOptions): Record<string, Route> {
  return {
    "POST /hangup": async (request) => {
      refuseLate(request, system.clock);
      await keeper.hangup();
      hungUp();
      return answer({ status: "left" });
    },
    "GET /v1/hello": () => answer(keeper.hello()),
    "POST /v1/adopt": async (request) => {
      refuseLate(request, system.clock);
      return answer({ adopted: await keeper.adopt() });
    },
    "GET /v1/processes": () => answer({ processes: keeper.list() }),
    "POST /v1/processes": async (request) => {
      const body = checked(KeeperStart, await json(request), "body");
      if (isLate(request, system.clock)) {
        // Nobody may be there any more to say that it was not started.
        await keeper.refuseStart(body.id, { error: "REQUEST_EXPIRED", message: expired().message });
        throw expired();
      }
      return answer(await keeper.start(body.id, body.variables, body.login_variables, body.pass_variables), 201);
    },
  };
}

/** What is asked of one process. */
function processRoutes({ keeper, system }: ApiOptions): Record<string, Route> {
  /** Body and deadline: whoever has it acts at once. */
  const bodyOf = async <T>(schema: CheckingSchema<T>, request: KeeperRequest): Promise<T> => {
    const body = checked(schema, await json(request), "body");
    refuseLate(request, system.clock);
    return body;
  };
  return {
    "GET /v1/processes/:id": (_request, id) => answer(keeper.view(idOf(id))),
    "POST /v1/processes/:id/input": async (request, id) => {
      const held = keeper.get(idOf(id));
      const body = await bodyOf(KeeperInput, request);
      return answer(held.write(Buffer.from(body.data, "base64"), body.eof) satisfies KeeperInputResult);
    },
    "GET /v1/processes/:id/input-state": (_request, id) => {
      const { state, streams } = keeper.get(idOf(id));
      return answer(inputState(system, { state, terminal: streams.line.terminal, justWritten: streams.justWritten }));
    },
    "POST /v1/processes/:id/resize": async (request, id) => {
      const held = keeper.get(idOf(id));
      held.resize(await bodyOf(KeeperResize, request));
      return answer({});
    },
    "POST /v1/processes/:id/limits": async (request, id) => {
      const held = keeper.get(idOf(id));
      return answer({ limits: held.changeLimits(await bodyOf(KeeperLimits, request)) } satisfies KeeperLimitsResult);
    },
    "POST /v1/processes/:id/signal": async (request, id) => {
      const held = keeper.get(idOf(id));
      const body = await bodyOf(KeeperSignal, request);
      return answer({ signalled: held.signal(body.signal, body.tree) });
    },
    "POST /v1/processes/:id/kill": async (request, id) => {
      const known = idOf(id);
      return answer(await keeper.kill(known, await bodyOf(KeeperKill, request)));
    },
  };
}

/** The whole body, as it comes over a connection. Throws BODY_TOO_LARGE as soon as that is known, BAD_REQUEST when it does not come to its end. */
export function bodyText(incoming: Readable & Pick<IncomingMessage, "headers">): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) refuse();
      else chunks.push(chunk);
    };
    const refuse = (): void => {
      incoming.off("data", take).pause();
      reject(new HermaError("BODY_TOO_LARGE", `a body has at most ${bodyBytesMax} bytes`));
    };
    const broken = (): void => reject(new HermaError("BAD_REQUEST", "the connection broke before the body was whole"));
    incoming.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    incoming.on("error", broken);
    incoming.on("close", broken);
    if (Number(incoming.headers["content-length"] ?? 0) > bodyBytesMax) refuse();
    else incoming.on("data", take);
  });
}

function idOf(text: string): ProcessId {
  const parsed = ProcessIdSchema.safeParse(text);
  if (!parsed.success) throw new HermaError("PROCESS_NOT_FOUND", `${JSON.stringify(text.slice(0, 40))} is not a process id`);
  return parsed.data;
}

function isLate({ deadline }: KeeperRequest, clock: Clock): boolean {
  return deadline !== undefined && clock.wallMs() > Number(deadline);
}

function refuseLate(request: KeeperRequest, clock: Clock): void {
  if (isLate(request, clock)) throw expired();
}

function expired(): HermaError {
  return new HermaError("REQUEST_EXPIRED", "the request came to the keeper when its caller had already given it up");
}

async function json(request: KeeperRequest): Promise<unknown> {
  const text = await request.text();
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HermaError("BAD_REQUEST", `the body is not JSON: ${messageOf(error)}`);
  }
}
