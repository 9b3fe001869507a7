import type { Context, Hono } from "hono";
import { HermaError, type ProcessId, type WaitUntil } from "../contract/index.ts";
import type { Work } from "../gateway/index.ts";
import type { FollowChunk, ReadOptions, Registry, StartOptions, Until } from "../processes/index.ts";
import { bodyOf, queryOf } from "./input.ts";
import {
  AcknowledgeRequest,
  ChangeRequest,
  HandOverRequest,
  InputRequest,
  KillRequest,
  ListQuery,
  NoticesQuery,
  OutputQuery,
  ResizeRequest,
  SignalRequest,
  StartRequest,
  WaitRequest,
} from "./requests.ts";
import { routes } from "./routes.ts";

export type ProcessRoutesOptions = {
  readonly registry: Registry;
  /** Starting something is work; looking, waiting and commands are not. Absent where nothing is counted. */
  readonly work?: Pick<Work, "run">;
  /** Ends waits early when the gateway stops. */
  readonly stopping: AbortSignal;
};

/** `/api/processes`: the registry over HTTP. */
export function addProcessRoutes(app: Hono, { registry, work, stopping }: ProcessRoutesOptions): void {
  const idOf = (c: Context): ProcessId => registry.resolve(c.req.param("ref") ?? "");

  app.get(routes.list.path, (c) => {
    const query = queryOf(c, ListQuery);
    return c.json({ processes: registry.list(defined({ all: query.all, session: query.session, task: query.task })) });
  });
  app.get(routes.notices.path, (c) => {
    const { process, session, state, limit = 100 } = queryOf(c, NoticesQuery);
    const states = state === undefined ? undefined : [state];
    return c.json({ notices: registry.notices.list(defined({ process, session, states, limit })) });
  });
  app.post(routes.start.path, async (c) => {
    const start = startOptions(await bodyOf(c, StartRequest));
    // What has been started goes on by itself, so a cut ends only the wait for its first output.
    const started = await (work === undefined
      ? registry.start(start)
      : work.run("api", (cut) => registry.start({ ...start, signal: cut })));
    return c.json(started, 201);
  });
  app.get(routes.get.path, async (c) => c.json(await registry.inspect(idOf(c))));
  app.patch(routes.change.path, async (c) => {
    const id = idOf(c);
    const { limits } = await bodyOf(c, ChangeRequest);
    await registry.updateLimits(id, limits);
    return c.json(registry.get(id));
  });
  app.get(routes.output.path, (c) => {
    const query = queryOf(c, OutputQuery);
    const id = idOf(c);
    if (query.raw === "bytes" || c.req.header("accept") === "application/octet-stream")
      return outputBytes(registry, id, query, c.req.raw.signal);
    const raw = query.raw !== undefined && query.raw !== "0" && query.raw !== "false";
    return c.json(registry.read(id, { ...readOptions(query), raw }));
  });
  app.post(routes.acknowledge.path, async (c) => {
    const id = idOf(c);
    const body = await bodyOf(c, AcknowledgeRequest);
    registry.acknowledge(id, body);
    return c.json({ id, ...body });
  });
  app.post(routes.wait.path, async (c) => {
    const id = idOf(c);
    const body = await bodyOf(c, WaitRequest);
    const signal = AbortSignal.any([c.req.raw.signal, stopping]);
    const { until, after } = body;
    const options = { ids: [id], deadlineSeconds: body.deadline_seconds, signal, ...defined({ after }) };
    const result = await registry.wait(until === undefined ? options : { ...options, until: untilOf(until) });
    return c.json({ reason: result.reason, process: result.processes[0] });
  });
  app.post(routes.input.path, async (c) => {
    const id = idOf(c);
    const body = await bodyOf(c, InputRequest);
    if (body.data !== undefined && body.data_base64 !== undefined)
      throw new HermaError("BAD_REQUEST", "give data or data_base64, not both");
    if (body.data === undefined && body.data_base64 === undefined && body.eof !== true)
      throw new HermaError("BAD_REQUEST", "nothing to do: give data, data_base64 or eof");
    const data = body.data_base64 === undefined ? (body.data ?? "") : Buffer.from(body.data_base64, "base64");
    return c.json(await registry.write(id, { data, ...defined({ eof: body.eof }) }));
  });
  app.post(routes.signal.path, async (c) => {
    const id = idOf(c);
    return c.json(await registry.signal(id, await bodyOf(c, SignalRequest)));
  });
  app.post(routes.kill.path, async (c) => {
    const id = idOf(c);
    const body = await bodyOf(c, KillRequest);
    return c.json(await registry.kill(id, defined({ reason: body.reason, graceMs: body.grace_ms })));
  });
  app.post(routes.handOver.path, async (c) => {
    const id = idOf(c);
    return c.json({ id, interest: registry.interest.handOver(id, await bodyOf(c, HandOverRequest)) });
  });
  app.post(routes.resize.path, async (c) => {
    const id = idOf(c);
    const size = await bodyOf(c, ResizeRequest);
    await registry.resize(id, size);
    return c.json({ id, tty: size });
  });
}

function readOptions(query: ReturnType<typeof OutputQuery.parse>): ReadOptions {
  const { since, reader, view, max_bytes, max_tokens, search, re2, context_lines, matches_max, line_offset, line_limit } = query;
  const lines = line_offset === undefined && line_limit === undefined ? undefined : defined({ offset: line_offset, limit: line_limit });
  const found =
    search === undefined ? undefined : { pattern: search, ...defined({ re2, contextLines: context_lines, matchesMax: matches_max }) };
  return defined({ since, reader, view, maxBytes: max_bytes, maxTokens: max_tokens, search: found, lines });
}

/** The wire's form of what is waited for as the registry takes it. */
function untilOf(until: WaitUntil): Until {
  if (until === "exit" || "input" in until) return until;
  if ("match" in until) return { match: until.match, ...defined({ re2: until.re2 }) };
  if ("quiet_seconds" in until) return { quietSeconds: until.quiet_seconds };
  if ("port" in until) return { port: until.port, ...defined({ host: until.host }) };
  return { http: until.http, ...defined({ status: until.status }) };
}

function startOptions(body: ReturnType<typeof StartRequest.parse>): StartOptions {
  return {
    command: body.command,
    owner: { kind: "http", ...defined({ session: body.session, task: body.task }) },
    ...defined({
      cwd: body.cwd,
      variables: body.variables,
      stdin: body.stdin,
      tty: body.tty,
      limits: body.limits,
      lifetime: body.lifetime,
      name: body.name,
      graceMs: body.grace_ms,
      yieldSeconds: body.yield_seconds,
      ensure: body.ensure,
      notifyOnComplete: body.notify_on_complete,
      watch: body.watch,
      wake: body.wake,
      heartbeatSeconds: body.heartbeat_seconds,
      purpose: body.purpose,
    }),
  };
}

/**
 * The bytes from `since` to what is the end now, as they were written; gaps are left out, and the headers tell the offsets. The client's pace is
 * the only pace.
 */
function outputBytes(
  registry: Registry,
  id: ProcessId,
  query: { since?: number | "start" | "last" | undefined; max_bytes?: number | undefined },
  gone: AbortSignal,
): Response {
  const since = typeof query.since === "number" ? query.since : 0;
  const { end } = registry.get(id).output;
  const until = Math.min(end, query.max_bytes === undefined ? end : since + query.max_bytes);
  const headers = {
    "content-type": "application/octet-stream",
    "cache-control": "no-store",
    "x-herma-from": String(since),
    "x-herma-to": String(until),
    "x-herma-end": String(end),
  };
  if (since >= until) return new Response(null, { headers });
  const over = new AbortController();
  const chunks = registry.follow(id, { since, signal: AbortSignal.any([gone, over.signal]) })[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A pull that gives nothing is never asked again, so it goes on past gaps.
        for (let gave = false; !gave; ) {
          const next = await chunks.next();
          if (next.done === true) return controller.close();
          const bytes = bytesBefore(next.value, until);
          gave = bytes !== null && bytes.length > 0;
          if (gave && bytes !== null) controller.enqueue(bytes);
          if (endOf(next.value) >= until) {
            controller.close();
            over.abort();
            await chunks.return?.();
            return;
          }
        }
      },
      async cancel() {
        over.abort();
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers });
}

function endOf(chunk: FollowChunk): number {
  return chunk.kind === "gap" ? chunk.to : chunk.offset + chunk.bytes.length;
}

function bytesBefore(chunk: FollowChunk, until: number): Uint8Array | null {
  if (chunk.kind === "gap") return null;
  return chunk.bytes.subarray(0, until - chunk.offset);
}

/** The object without its undefined values, as options with exact optional keys want it. */
function defined<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
