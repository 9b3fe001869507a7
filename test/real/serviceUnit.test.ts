import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { herma } from "./home.ts";

test.skipIf(needs("systemctl")).each(["systemd-user", "systemd-system"])(
  "systemd itself finds nothing to say against a unit for %s",
  (kind) => {
    const folder = temporaryFolder();
    const home = join(folder, "a home % with $signs");
    mkdirSync(home, { mode: 0o700 });
    const printed = execFileSync(herma, ["gateway", "install", "--print", "--for", kind, "--json", "--home", home], { encoding: "utf8" });
    const { name, text } = JSON.parse(printed) as { name: string; text: string };
    const path = join(folder, `${name}.service`);
    writeFileSync(path, text);
    const whose = kind === "systemd-user" ? ["--user"] : [];
    // Units of the machine that ours names are not looked into: whatever is said is about ours.
    const verify = ["verify", "--recursive-errors=no", "--man=no", ...whose, path];
    const said = execFileSync("sh", ["-c", 'exec systemd-analyze "$@" 2>&1', "sh", ...verify], {
      encoding: "utf8",
      env: { PATH: process.env.PATH ?? "", HOME: folder, XDG_RUNTIME_DIR: folder, SYSTEMD_LOG_LEVEL: "info" },
    });
    expect(said).toBe("");
  },
);
