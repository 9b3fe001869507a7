import type { Context, Hono } from "hono";
import { type DrainAnswer, HermaError, timestampOf } from "../contract/index.ts";
import type { DrainControl } from "../gateway/index.ts";
import { principalName } from "../rules/index.ts";
import type { Clock } from "../system/index.ts";
import { drainSecretPrincipal } from "./drainAuth.ts";
import { bodyOf, queryOf } from "./input.ts";
import { DrainQuery, DrainRequestBody } from "./requests.ts";
import { routes } from "./routes.ts";

/** Whose leases are those of the owner who names nobody. */
const ownerPrincipal = "owner";

export type DrainRoutesOptions = {
  readonly drain: DrainControl;
  readonly clock: Pick<Clock, "after">;
  /** Whether the request came with the owner's token (or login), who may do everything. */
  readonly isOwner: (c: Context) => Promise<boolean>;
  /** Ends waits early when the server closes. */
  readonly stopping: AbortSignal;
};

/** `/api/gateway/drain`: who wants the gateway to be quiet, and whether it is. */
export function addDrainRoutes(app: Hono, { drain, clock, isOwner, stopping }: DrainRoutesOptions): void {
  app.get(routes.drain.path, async (c) => {
    const { wait_seconds } = queryOf(c, DrainQuery);
    if (wait_seconds !== undefined && wait_seconds > 0) {
      const over = new AbortController();
      const timer = clock.after(wait_seconds * 1000, () => over.abort());
      await drain.settled(AbortSignal.any([over.signal, stopping, c.req.raw.signal]));
      timer.cancel();
    }
    return c.json(drain.status());
  });
  app.post(routes.drainAct.path, async (c) => {
    const body = await bodyOf(c, DrainRequestBody);
    const owner = await isOwner(c);
    const principal = principalOf(body.principal, owner);
    if (body.action === "cancel") {
      if (body.all === true && !owner)
        throw new HermaError("BAD_REQUEST", "the drain secret takes back its own leases only", { hint: "Use the owner's token." });
      const wasDraining = drain.cancel(body.all === true ? null : principal);
      await drain.written();
      return c.json({ ok: true, action: "cancel", was_draining: wasDraining, draining: drain.status().draining } satisfies DrainAnswer);
    }
    const lease = drain.begin({
      principal,
      ...(body.ttl_seconds === undefined ? {} : { ttlMs: body.ttl_seconds * 1000 }),
      ...(body.suppress_notification === undefined ? {} : { suppressNotification: body.suppress_notification }),
    });
    // Who asks next may ask the state file: it must not show a count from before the gate was closed.
    await drain.written();
    return c.json({
      ok: true,
      action: "drain",
      draining: true,
      suppress_notification: lease.suppressNotification,
      principal: lease.principal,
      expires_at: timestampOf(lease.expiresAtMs),
    } satisfies DrainAnswer);
  });
}

/** With the secret alone nobody can take back what the owner asked for. */
function principalOf(given: string | undefined, owner: boolean): string {
  const name = principalName(given);
  if (given !== undefined && name === null) throw new HermaError("BAD_REQUEST", "principal: a name has letters");
  if (owner) return name ?? ownerPrincipal;
  return name === null || name === drainSecretPrincipal
    ? drainSecretPrincipal
    : (principalName(`${drainSecretPrincipal}/${name}`) ?? drainSecretPrincipal);
}
