import { expect, test } from "vitest";
import { socketPathBytesMax } from "../contract/index.ts";
import { gatewaySockets, requirePrivateFolder, socketPlace } from "./sockets.ts";

const short = { home: "/home/a/.herma", generation: "v1-0.1.0", runtimeFolder: "/run/user/1000", uid: 1000 };
const long = { ...short, home: `/home/${"long/".repeat(20)}.herma` };

test("a socket stands beside its keeper's files where the path is short enough", () => {
  expect(socketPlace(short)).toEqual({ path: "/home/a/.herma/keepers/v1-0.1.0/sock", folder: "/home/a/.herma/keepers/v1-0.1.0" });
});

test("the last byte that fits decides, counted in bytes", () => {
  const rest = "/keepers/v1-0.1.0/sock".length;
  const fitting = `/${"x".repeat(socketPathBytesMax - rest - 1)}`;
  expect(socketPlace({ ...short, home: fitting }).path).toBe(`${fitting}/keepers/v1-0.1.0/sock`);
  expect(socketPlace({ ...short, home: `${fitting}x` }).path).toMatch(/^\/run\/user\/1000\/herma-1000\/[0-9a-f]{16}\.sock$/);
  const umlauts = `/${"ü".repeat(Math.ceil((socketPathBytesMax - rest) / 2))}`;
  expect(socketPlace({ ...short, home: umlauts }).path).toMatch(/\.sock$/);
});

test("[peer 35] a long one stands in the private folder of the runtime folder, told apart by home and generation", () => {
  const place = socketPlace(long);
  expect(place.folder).toBe("/run/user/1000/herma-1000");
  expect(place.path).toMatch(/^\/run\/user\/1000\/herma-1000\/[0-9a-f]{16}\.sock$/);
  expect(socketPlace(long)).toEqual(place);
  expect(socketPlace({ ...long, generation: "v1-0.1.1" }).path).not.toBe(place.path);
  expect(socketPlace({ ...long, home: `${long.home}2` }).path).not.toBe(place.path);
});

test.each([undefined, "", "relative/run", `/${"r".repeat(100)}`])("runtime folder %j falls back to /tmp", (runtimeFolder) => {
  expect(socketPlace({ ...long, runtimeFolder }).folder).toBe("/tmp/herma-1000");
});

test("no place is longer than the kernel takes", () => {
  for (const home of [short.home, long.home]) {
    expect(Buffer.byteLength(socketPlace({ ...short, home }).path)).toBeLessThanOrEqual(socketPathBytesMax);
  }
});

test("[peer 35] the gateway's sockets stand in its home, both or none; else in the private runtime folder", () => {
  const at = { home: "/home/a/.herma", runtimeFolder: "/run/user/1000", uid: 1000, pid: 4_194_303 };
  expect(gatewaySockets(at)).toEqual({
    folder: "/home/a/.herma",
    control: "/home/a/.herma/gateway.sock",
    handover: "/home/a/.herma/.handover-4194303.sock",
  });
  for (let length = 1; length < 140; length += 1) {
    const places = gatewaySockets({ ...at, home: `/${"x".repeat(length)}` });
    for (const path of [places.control, places.handover]) {
      expect(path.startsWith(`${places.folder}/`)).toBe(true);
      expect(Buffer.byteLength(path)).toBeLessThanOrEqual(socketPathBytesMax);
    }
    // Whoever looks for the control socket has another pid than the gateway.
    expect(gatewaySockets({ ...at, home: `/${"x".repeat(length)}`, pid: 4 }).control).toBe(places.control);
  }
});

test.each([
  ["a folder of one's own with mode 0700", { kind: "folder", uid: 1000, mode: 0o700 }, true],
  ["none at all", null, false],
  ["a link to a folder", { kind: "link", uid: 1000, mode: 0o777 }, false],
  ["a folder of another user", { kind: "folder", uid: 1001, mode: 0o700 }, false],
  ["one that the group may enter", { kind: "folder", uid: 1000, mode: 0o710 }, false],
  ["one that everybody may enter", { kind: "folder", uid: 1000, mode: 0o701 }, false],
])("[peer 35] a socket's private folder: %s", (_, stat, fits) => {
  const look = () => requirePrivateFolder("/tmp/herma-1000", stat, 1000);
  if (fits) expect(look).not.toThrow();
  else expect(look).toThrow(expect.objectContaining({ code: "HOME_UNUSABLE", hint: expect.stringContaining("chmod 700 /tmp/herma-1000") }));
});
