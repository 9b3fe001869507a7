import { expect, test } from "vitest";
import { clearMarker, writeMarker } from "../lifecycle/index.ts";
import { type FakeSystem, fakeProgram, fakeSystem } from "../system/fake/index.ts";
import { fakeGateway, fakeHome } from "./testing/fakeGateway.ts";

/** One that comes to take over: it leaves its marker and signals. */
function replacer(of: FakeSystem): { mark(): void; leave(): void } {
  const system = fakeProgram(of.machine, "replacer");
  return {
    mark: () => writeMarker(fakeHome, "takeover", { identity: of.processes.self(), instanceId: null }, system),
    leave: () => clearMarker(fakeHome, "takeover", system),
  };
}

test("[S24] [peer 26] several gateways that take over at once do not cut the work that the first lets finish; a further signal without a marker does", async () => {
  const system = fakeSystem();
  const { time } = system.machine;
  const gateway = fakeGateway(system, {
    listen: async ({ work }) => {
      // A call that is under way.
      work.run("api", () => new Promise(() => {})).catch(() => {});
      return { address: "http://127.0.0.1:1", close: async () => {} };
    },
  });
  await time.until("it is ready", gateway.ready);
  let over = false;
  void gateway.end.then(() => {
    over = true;
  });
  const [first, second, third] = [replacer(system), replacer(system), replacer(system)];
  // Both have left their markers before either signals.
  first.mark();
  second.mark();
  gateway.signal("SIGTERM");
  await time.advance(20);
  gateway.signal("SIGTERM");
  await time.advance(3_000);
  expect(over).toBe(false);
  third.mark();
  gateway.signal("SIGTERM");
  await time.advance(2_500);
  expect(over).toBe(false);
  expect(gateway.logged.filter(({ message }) => message === "told the same again: nothing changes")).toHaveLength(2);
  third.leave();
  gateway.signal("SIGTERM");
  expect(await time.wait(gateway.end)).toMatchObject({
    exitCode: 0,
    reason: expect.stringMatching(/taken over .*, then forced by SIGTERM/),
  });
});
