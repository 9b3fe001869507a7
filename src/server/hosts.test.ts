import { expect, test } from "vitest";
import { checkHost } from "./hosts.ts";

const allows = (host: string, served: string): boolean => {
  try {
    checkHost(host, undefined, { host: served, port: 7717 });
    return true;
  } catch {
    return false;
  }
};

test.each([
  ["2001:DB8:0:0::1", "[2001:db8::1]:7717", true],
  ["::ffff:192.0.2.7", "[::ffff:192.0.2.7]:7717", true],
  ["0:0:0:0:0:0:0:0", "[2001:db8::9]:7717", true],
  ["0:0:0:0:0:0:0:0", "rebound.example:7717", false],
  ["2001:db8::1", "[2001:db8::2]:7717", false],
  ["Box.Example", "box.example:7717", true],
  ["192.0.2.7", "192.0.2.8:7717", false],
])("listening on %s, the host %s is served: %j", (served, host, expected) => {
  expect(allows(host, served)).toBe(expected);
});
