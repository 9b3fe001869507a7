import { expect, test } from "vitest";
import { judgeScopedLock, type ScopedLockEvidence, scopedLockFolder } from "./scopedLock.ts";

const all: ScopedLockEvidence[] = (["record", "noise", "unreadable"] as const).flatMap((file) =>
  [true, false].flatMap((mine) => (["same", "gone", "unknown"] as const).map((owner) => ({ file, mine, owner }))),
);

test.each(all)("[S21] [compat 29] [defect 6.2.7] %j", (evidence) => {
  const verdict = judgeScopedLock(evidence);
  if (evidence.file === "unreadable") expect(verdict).toBe("held");
  else if (evidence.file === "noise") expect(verdict).toBe("stale");
  else if (evidence.mine) expect(verdict).toBe("ours");
  else expect(verdict).toBe(evidence.owner === "gone" ? "stale" : "held");
});

test.each([
  [{ HERMES_GATEWAY_LOCK_DIR: "/locks", XDG_STATE_HOME: "/state", HOME: "/home/ada" }, "/locks"],
  [{ XDG_STATE_HOME: "/state", HOME: "/home/ada" }, "/state/hermes/gateway-locks"],
  [{ HERMES_GATEWAY_LOCK_DIR: "", XDG_STATE_HOME: "", HOME: "/home/ada" }, "/home/ada/.local/state/hermes/gateway-locks"],
  [{ USERPROFILE: "C:/Users/ada" }, "C:/Users/ada/.local/state/hermes/gateway-locks"],
  [{}, null],
])("[S19] the folder with %j", (variables, folder) => {
  expect(scopedLockFolder(variables)).toBe(folder);
});
