import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import nodeProcess from "node:process";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { until } from "../../../test/setup/waiting.ts";
import { nodeSystem } from "../index.ts";
import { nodeLoginShell, type ShellWorld } from "./loginShell.ts";

const { spawner } = nodeSystem();

/** A login shell of a home of its own. */
function shellIn(home: string, more: Partial<ShellWorld> & { variables?: Record<string, string> } = {}) {
  const variables = { PATH: "/usr/bin:/bin", HOME: home, SHELL: "/bin/bash", ...more.variables };
  return nodeLoginShell({ run: spawner.run, passwdShell: () => null, ...more, variables });
}

describe("the snapshot", () => {
  test("[P23] has what the start-up files set, also behind a check for an interactive shell, whatever they print", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, 'echo hello from profile\n. ~/.bashrc\nexport FROM_PROFILE="a\nb"\n');
    writeFileSync(
      `${home}/.bashrc`,
      `case $- in *i*) ;; *) return;; esac
export PATH="/special/bin:$PATH" PS1='x> '
echo noise; echo noise >&2; read -r -t 0.01 line
greet() { echo "hi $1"; }
alias ll='ls -l'
not_exported=1
`,
    );
    const { variables, script, problem } = await shellIn(home).snapshot(20_000);
    expect(problem).toBeNull();
    expect(variables).toMatchObject({ PATH: expect.stringMatching(/^\/special\/bin:.*\/bin/), FROM_PROFILE: "a\nb", HOME: home });
    for (const name of ["TERM", "PS1", "SHLVL", "_", "PWD", "OLDPWD", "not_exported"]) expect(variables).not.toHaveProperty(name);
    // The script works in the plain shell that commands run in.
    writeFileSync(`${home}/script`, `${script}greet you\nll -d /\n`);
    const printed = execFileSync("/bin/bash", [`${home}/script`], { encoding: "utf8", env: {} });
    expect(printed).toMatch(/^hi you\nd.* \/\n$/);
  });

  test("has functions that need extglob", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "shopt -s extglob\npick() { case $1 in @(a|b)) echo yes;; *) echo no;; esac; }\n");
    const { script } = await shellIn(home).snapshot(20_000);
    writeFileSync(`${home}/script`, `${script}pick a; pick c\n`);
    expect(execFileSync("/bin/bash", [`${home}/script`], { encoding: "utf8", env: {} })).toBe("yes\nno\n");
  });

  test("has no script when there is nothing to restore", async () => {
    const { script, problem } = await shellIn(temporaryFolder()).snapshot(20_000);
    expect({ script, problem }).toEqual({ script: null, problem: null });
  });

  test("of a shell of another family has variables only", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.profile`, "export FROM_PROFILE=1\ngreet() { :; }\n");
    const { variables, script } = await shellIn(home, { variables: { SHELL: "/bin/dash" } }).snapshot(20_000);
    expect(variables.FROM_PROFILE).toBe("1");
    expect(script).toBeNull();
  });

  test("leaves no lock behind of what start-up files run, also when it takes too long", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/slow`, `#!/bin/bash\ntrap 'echo > "$HOME/unlocked"' EXIT\necho > "$HOME/locked"\nsleep 1000\n`, {
      mode: 0o700,
    });
    writeFileSync(`${home}/.bash_profile`, '"$HOME/slow"\n');
    expect((await shellIn(home).snapshot(2000)).problem).toContain("gave no answer");
    expect(existsSync(`${home}/locked`)).toBe(true);
    await until("the lock is taken back", () => existsSync(`${home}/unlocked`));
  });

  test("comes from the plain login shell when the interactive one hangs", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "export FROM_PROFILE=1\ncase $- in *i*) sleep 1000;; esac\n");
    const { variables, problem } = await shellIn(home).snapshot(3000);
    expect(variables.FROM_PROFILE).toBe("1");
    expect(problem).toBeNull();
  });

  test("falls back to our own variables, with the reason, when every way fails", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "exec sleep 1000\n");
    const { variables, script, problem } = await shellIn(home, { variables: { MINE: "1", SHLVL: "3", TERM: "vt100" } }).snapshot(600);
    expect(variables).toEqual({ PATH: "/usr/bin:/bin", HOME: home, SHELL: "/bin/bash", MINE: "1" });
    expect(script).toBeNull();
    expect(problem).toMatch(/\/bin\/bash.*600 ms/);
  });

  test("says of a shell that ended by itself that it ended", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "exit 5\n");
    expect((await shellIn(home).snapshot(20_000)).problem).toBe("the login shell /bin/bash ended without an answer");
  });

  test("comes from a shell that its start-up files have made strict", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "set -eu\nexport FROM_PROFILE=1\ngreet() { echo hi; }\n");
    const { variables, script, problem } = await shellIn(home).snapshot(20_000);
    expect([problem, variables.FROM_PROFILE, script]).toEqual([null, "1", expect.stringContaining("greet")]);
  });

  test("asks the shell of the passwd entry when SHELL is not set or is nothing", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.profile`, "export FROM_PROFILE=1\n");
    const world = { passwdShell: () => "/bin/dash", variables: { SHELL: "/no/such/shell" } };
    expect((await shellIn(home, world).snapshot(20_000)).variables.FROM_PROFILE).toBe("1");
  });

  test("does not believe an answer that start-up files tore apart", async () => {
    const home = temporaryFolder();
    writeFileSync(`${home}/.bash_profile`, "env() { echo PATH=/forged; }\ncommand() { echo; }\n");
    const { variables, problem } = await shellIn(home).snapshot(20_000);
    expect(variables.PATH).not.toBe("/forged");
    expect(variables.PATH).toBe("/usr/bin:/bin");
    expect(problem === null || problem.includes("bash")).toBe(true);
  });
});

describe("the shell for commands", () => {
  test("is bash from PATH, else from the usual places, else the user's own, else sh", () => {
    const folder = temporaryFolder();
    mkdirSync(`${folder}/bin`);
    writeFileSync(`${folder}/bin/bash`, "", { mode: 0o755 });
    const shell = (variables: Record<string, string>): string => shellIn(folder, { variables }).commandShell();
    expect(shell({ PATH: `relative:${folder}/bin:/bin` })).toBe(`${folder}/bin/bash`);
    chmodSync(`${folder}/bin/bash`, 0o644);
    const usual = ["/usr/bin/bash", "/bin/bash"];
    if (nodeProcess.getuid?.() !== 0) expect(usual).toContain(shell({ PATH: `${folder}/bin` }));
    expect(usual).toContain(shell({ PATH: "" }));
  });
});
