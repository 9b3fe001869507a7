import fc from "fast-check";
import { expect, test } from "vitest";
import { isHermaError } from "../contract/index.ts";
import { type Ticket, Work, type WorkKind } from "./work.ts";

function ticketOf(work: Work, kind: WorkKind): Ticket {
  const begun = work.begin(kind);
  if (!begun.ok) throw begun.error;
  return begun.ticket;
}

test("work is counted by kind from its begin to its end, once", () => {
  const work = new Work();
  const turn = ticketOf(work, "turn");
  const api = ticketOf(work, "api");
  ticketOf(work, "delegation");
  expect(work.counts).toEqual({ turns: 1, api: 1, delegations: 1 });
  expect(work.active).toBe(3);
  turn.end();
  turn.end();
  api.end();
  expect(work.counts).toEqual({ turns: 0, api: 0, delegations: 1 });
});

test.each(["external", "shutdown"] as const)(
  "[D9] a gate closed for %s refuses new work of every kind in words; what runs goes on",
  (reason) => {
    const work = new Work();
    const ticket = ticketOf(work, "turn");
    work.close(reason);
    work.close(reason);
    for (const kind of ["turn", "api", "delegation"] as const) {
      const begun = work.begin(kind);
      expect(begun).toMatchObject({ ok: false, error: { code: "GATEWAY_DRAINING", row: { http: 503 } } });
    }
    expect(work.active).toBe(1);
    expect(ticket.cut.aborted).toBe(false);
    work.open(reason);
    expect(work.closedFor).toBeNull();
    expect(work.begin("api").ok).toBe(true);
  },
);

test("the end of one reason does not open a gate that another keeps closed, and a shutdown is named first", () => {
  const work = new Work();
  work.close("external");
  work.close("shutdown");
  expect(work.closedFor).toBe("shutdown");
  work.open("external");
  expect(work.begin("api").ok).toBe(false);
});

test("idle resolves when the last piece has ended, and at once when there is none", async () => {
  const work = new Work();
  await work.idle();
  const one = ticketOf(work, "turn");
  const two = ticketOf(work, "api");
  let idle = false;
  const waiting = work.idle().then(() => {
    idle = true;
  });
  one.end();
  await Promise.resolve();
  expect(idle).toBe(false);
  two.end();
  await waiting;
});

test("work that is cut learns why", async () => {
  const work = new Work();
  const cutting = work.run("api", (cut) => new Promise((_, reject) => cut.addEventListener("abort", () => reject(cut.reason))));
  expect(work.cut("the gateway stops")).toBe(1);
  await expect(cutting).rejects.toSatisfy((error) => isHermaError(error, "GATEWAY_DRAINING"));
  expect(work.active).toBe(0);
});

test("run ends its count whether it is done or fails, and does nothing behind a closed gate", async () => {
  const work = new Work();
  expect(await work.run("api", async () => work.active)).toBe(1);
  await expect(
    work.run("api", async () => {
      throw new Error("no");
    }),
  ).rejects.toThrow("no");
  expect(work.active).toBe(0);
  work.close("external");
  await expect(work.run("api", () => Promise.reject(new Error("it ran")))).rejects.toMatchObject({ code: "GATEWAY_DRAINING" });
});

test("[defect 6.4.3] [defect 6.4.4] behind a closed gate the count only falls, whatever is tried in whatever order", () => {
  const acts = fc.array(fc.oneof(fc.constantFrom<WorkKind>("turn", "api", "delegation"), fc.nat(20)), { maxLength: 60 });
  fc.assert(
    fc.property(acts, acts, (before, after) => {
      const work = new Work();
      const tickets: Ticket[] = [];
      const act = (what: WorkKind | number): void => {
        if (typeof what === "number") tickets[what]?.end();
        else {
          const begun = work.begin(what);
          if (begun.ok) tickets.push(begun.ticket);
        }
      };
      before.forEach(act);
      work.close("external");
      let last = work.active;
      for (const what of after) {
        act(what);
        const { turns, api, delegations } = work.counts;
        expect(work.active).toBe(turns + api + delegations);
        expect(work.active).toBeLessThanOrEqual(last);
        last = work.active;
      }
    }),
  );
});
