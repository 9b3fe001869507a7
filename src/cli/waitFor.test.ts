import { expect, test } from "vitest";
import { parseWaitFor } from "./waitFor.ts";

test.each([
  ["exit", "exit"],
  ["input", { input: true }],
  ["match:Local: http://x", { match: "Local: http://x" }],
  ["re2:^ready in \\d+", { match: "^ready in \\d+", re2: true }],
  ["quiet:5s", { quietSeconds: 5 }],
  ["quiet:250ms", { quietSeconds: 0.25 }],
  ["port:3000", { port: 3000 }],
  ["port:localhost:3000", { port: 3000, host: "localhost" }],
  ["port:[::1]:3000", { port: 3000, host: "::1" }],
  ["http://localhost:3000/ready", { http: "http://localhost:3000/ready" }],
  ["http:http://localhost:3000/ready", { http: "http://localhost:3000/ready" }],
  ["https://localhost/", { http: "https://localhost/" }],
])("%s", (text, until) => {
  expect(parseWaitFor(text)).toEqual(until);
});

test.each(["", "match:", "match", "port:", "port:x", "quiet:", "quiet:0", "exit:1", "never"])("%j is refused with all forms", (text) => {
  expect(() => parseWaitFor(text)).toThrow(/match:TEXT/);
});
