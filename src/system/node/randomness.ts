import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Bytes from the system's generator. Loaded at the first use: `herma ps` needs none, and loading it costs 4 ms. */
export function randomBytes(bytes: number): Buffer {
  const crypto = require("node:crypto") as typeof import("node:crypto");
  return crypto.randomBytes(bytes);
}
