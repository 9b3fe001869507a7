import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test, vi } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { makeHome } from "./home.ts";

test("what the login shell exports reaches commands, but for what is held back; its functions and aliases work", async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, ".bashrc"),
    "export FROM_BASHRC=yes\nexport OPENAI_API_KEY=made-up-for-this-test\ngreet() { echo \"hello $1\"; }\nalias shout='echo LOUD'\n",
  );
  // As Debian's does: a login shell reads .profile, and that reads .bashrc.
  writeFileSync(join(folder, ".profile"), '. "$HOME/.bashrc"\n');
  const shell = join(folder, "bash");
  writeFileSync(shell, '#!/bin/sh\nexec /bin/bash "$@"\n');
  chmodSync(shell, 0o755);
  vi.stubEnv("HOME", folder);
  vi.stubEnv("SHELL", shell);
  const home = makeHome();
  try {
    const { id } = await home.registry.start({
      command: 'echo "$FROM_BASHRC [$OPENAI_API_KEY]"; greet you; shout it; echo "$#"',
      owner: { kind: "library" },
      variables: { HERMA_TEST_RUN: nodeProcess.env.HERMA_TEST_RUN ?? "" },
    });
    await home.ended(id);
    expect(home.bytes(id).toString()).toBe("yes []\nhello you\nLOUD it\n0\n");
  } finally {
    vi.unstubAllEnvs();
  }
});

test("what the keeper itself is started with reaches no command by way of the login shell", async () => {
  // It is passed on to the keeper, which may be given a folder for compiled code by whoever starts it.
  vi.stubEnv("NODE_COMPILE_CACHE", temporaryFolder());
  const home = makeHome();
  try {
    const { id } = await home.registry.start({
      command: 'echo "[$NODE_COMPILE_CACHE] [$MALLOC_ARENA_MAX]"',
      owner: { kind: "library" },
      variables: { HERMA_TEST_RUN: nodeProcess.env.HERMA_TEST_RUN ?? "" },
    });
    await home.ended(id);
    expect(home.bytes(id).toString()).toBe("[] []\n");
  } finally {
    vi.unstubAllEnvs();
  }
});
