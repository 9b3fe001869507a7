import fc from "fast-check";
import { expect, test } from "vitest";
import { unitOfCgroup } from "./managerUnit.ts";

test.each([
  ["0::/system.slice/herma-gateway.service\n", "herma-gateway.service", "system"],
  ["0::/user.slice/user-1000.slice/user@1000.service/app.slice/herma-gateway.service\n", "herma-gateway.service", "user"],
  ["0::/system.slice/system-herma.slice/herma@work.service/gateway\n", "herma@work.service", "system"],
  ["12:pids:/x\n1:name=systemd:/system.slice/herma-gateway.service\n0::/init.scope\n", "herma-gateway.service", "system"],
  ["1:name=systemd:/\n0::/system.slice/herma-gateway.service\n", "herma-gateway.service", "system"],
  ["0::/machine.slice/box.scope/system.slice/herma-gateway.service", "herma-gateway.service", "system"],
])("[F16] %j is in %s of the %s manager", (text, unit, manager) => {
  expect(unitOfCgroup(text)).toEqual({ unit, manager });
});

test.each([
  "",
  "noise",
  "0::/",
  "0::/user.slice/user-1000.slice/session-3.scope",
  "0::/user.slice/user-1000.slice/user@1000.service/app.slice/herma-keeper-1.scope",
  "0::/user.slice/user-1000.slice/user@1000.service/init.scope",
  "0::/system.slice/docker-0123.scope",
  "4:memory:/system.slice/herma-gateway.service",
])("[F16] %j is in no service", (text) => {
  expect(unitOfCgroup(text)).toBeNull();
});

test("[F16] noise never throws", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      unitOfCgroup(text);
      unitOfCgroup(`0::/${text}`);
    }),
  );
});
