import fc from "fast-check";
import { expect, test } from "vitest";
import { drainSecretWeakness } from "./drainSecret.ts";

test.each([
  ["short", "a1B2-_".repeat(5), /fewer than 43/],
  ["one letter", "a".repeat(43), /different/],
  ["few letters", "abcdefgh".repeat(6), /different/],
  ["a word again and again", "abcdefghijklmnopqrstuvwxyz".repeat(2), /repeats/],
  ["a blank in it", `${"aB3-_xYz".repeat(5)} 12`, /besides/],
  ["base64 that is not url-safe", "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdE", /besides/],
  ["endless", "aB3".repeat(200), /more than 512/],
])("[D11] a weak secret is none: %s", (_what, secret, why) => {
  expect(drainSecretWeakness(secret)).toMatch(why);
});

test("[D11] random bytes in base64url are always strong enough", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 64 }), (bytes) => {
      // fast-check likes small numbers; a generator of secrets does not.
      const random = bytes.map((byte, at) => (byte + at * 151) % 256);
      const secret = Buffer.from(random).toString("base64url");
      if (new Set(secret).size >= 16) expect(drainSecretWeakness(secret)).toBeNull();
    }),
  );
  expect(drainSecretWeakness("Zk8Q2v-1mWc_9RtYxL0pNbH4sGdJ7eUoTf3aKqVi5Cw")).toBeNull();
});
