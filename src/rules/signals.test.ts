import { constants } from "node:os";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { signalNumber } from "./signals.ts";

test("the numbers are the kernel's", () => {
  expect([signalNumber("SIGHUP"), signalNumber("SIGKILL"), signalNumber("SIGTERM"), signalNumber("SIGSYS")]).toEqual([1, 9, 15, 31]);
});

test.runIf(nodeProcess.platform === "linux")("Node.js names the same ones", () => {
  for (const [name, number] of Object.entries(constants.signals)) expect(signalNumber(name), name).toBe(number);
});

test("real-time signals count from both ends", () => {
  expect(["SIGRTMIN", "SIGRTMIN+1", "SIGRTMAX-1", "SIGRTMAX"].map(signalNumber)).toEqual([34, 35, 63, 64]);
  expect(["SIGRTMIN-1", "SIGRTMAX+1", "SIGRTMIN+31", "SIGRTMAX-31"].map(signalNumber)).toEqual([null, null, null, null]);
});

test("anything else is no signal", () => {
  expect(["", "TERM", "sigterm", "SIGNOPE", "toString", "15"].map(signalNumber)).toEqual([null, null, null, null, null, null]);
});
