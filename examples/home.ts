import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeSystem, openRegistry, type Registry } from "herma/processes";

/** Gives an example a home of its own and clears up behind it. In your program the home is a folder that stays, such as `~/.herma`. */
export async function inHome(use: (registry: Registry, home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "herma-example-"));
  const registry = openRegistry({ home, system: nodeSystem(), clientName: "example" });
  try {
    await use(registry, home);
  } finally {
    await registry.keeper.stop();
    await registry[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  }
  console.log("ok");
}
