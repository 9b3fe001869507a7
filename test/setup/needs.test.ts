import { afterEach, expect, test, vi } from "vitest";
import { isCi, needs } from "./needs.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test("a present program is no reason to skip", () => {
  expect(needs("ps")).toBe(false);
});

test("an absent one is told once with the package, and skipped", () => {
  vi.stubEnv("PATH", "/nonexistent");
  vi.stubEnv("CI", "");
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  expect(needs("tmux")).toBe("tmux is not installed (apt-get install tmux)");
  needs("tmux");
  expect(warn).toHaveBeenCalledTimes(1);
});

test("in CI it throws instead", () => {
  vi.stubEnv("PATH", "/nonexistent");
  vi.stubEnv("CI", "true");
  expect(isCi()).toBe(true);
  expect(() => needs("tmux")).toThrow("CI must have it");
});

test("a program that CI would not install is refused", () => {
  expect(() => needs("herma-unheard-of")).toThrow(".ci/packages");
});
