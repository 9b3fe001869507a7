import { expect, test } from "vitest";
import type { ConformanceWorld } from "./world.ts";

export function descriptorsConform(given: () => ConformanceWorld): void {
  test("a descriptor that is left at a place is taken once, and is open", ({ skip }) => {
    const { system, folder, openDescriptor } = given();
    const path = `${folder}/place`;
    const place = system.descriptors.expect(path);
    if (place === null) return skip("this system passes none");
    expect(place.take()).toBeNull();
    const left = openDescriptor();
    expect(system.descriptors.pass(path, left.fd)).toBe(true);
    const taken = place.take();
    expect(taken).not.toBeNull();
    expect(left.isSame(taken!)).toBe(true);
    expect(place.take()).toBeNull();
    place.close();
    place.close();
    expect(place.take()).toBeNull();
  });

  test("nobody is given one where nobody expects it, and two cannot expect at one place", ({ skip }) => {
    const { system, folder, openDescriptor } = given();
    const path = `${folder}/place`;
    const { fd } = openDescriptor();
    expect(system.descriptors.pass(path, fd)).toBe(false);
    const place = system.descriptors.expect(path);
    if (place === null) return skip("this system passes none");
    expect(() => system.descriptors.expect(path)).toThrow(expect.objectContaining({ code: "IO" }));
    place.close();
    expect(system.descriptors.pass(path, fd)).toBe(false);
    const again = system.descriptors.expect(path);
    expect(again?.take()).toBeNull();
    again?.close();
  });
}
