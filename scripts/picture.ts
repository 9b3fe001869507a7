/**
 * `npm run picture`: plays the README's scene for real, in a home of its own, and draws what the terminal showed into docs/picture.svg.
 * Nothing in the picture is written by hand but the commands and the words after `#`.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";

const root = resolve(import.meta.dirname, "..");
const home = mkdtempSync(join(tmpdir(), "herma-picture-"));
const variables = {
  ...nodeProcess.env,
  HERMA_HOME: home,
  PATH: `${join(root, "bin")}:${nodeProcess.env.PATH ?? ""}`,
  NO_COLOR: "1",
  COLUMNS: "96",
};
const shown: string[] = [];

function command(line: string, note = ""): void {
  shown.push(`$ ${line}${note === "" ? "" : `   # ${note}`}`);
}

function sh(line: string, note = ""): void {
  command(line, note);
  const ran = spawnSync("bash", ["-c", line], { env: variables, cwd: home, encoding: "utf8" });
  shown.push(...`${ran.stdout}${ran.stderr}`.split("\n").filter((text) => text !== ""));
}

async function gateway(): Promise<ReturnType<typeof spawn>> {
  const child = spawn(join(root, "bin/herma"), ["gateway", "run", "--port", "0"], { env: variables, stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((ready) => child.stdout?.once("data", () => ready()));
  return child;
}

try {
  const first = await gateway();
  command("herma gateway run &");
  sh("herma run -d --name build -- 'for i in $(seq 40); do echo step $i; sleep 0.1; done; exit 7'");
  command("kill -9 %1", "the gateway dies in the middle of it");
  first.kill("SIGKILL");
  sh("herma ps");
  const second = await gateway();
  command("herma gateway run &", "a new one; the build has not noticed");
  sh('herma wait build; echo "exit code $?"');
  sh("herma logs build | tail -n 2");
  sh("herma logs build --all | wc -l", "every line it ever printed");
  sh("herma run -d --name stubborn -- \"trap '' TERM; setsid sleep 1000 & sleep 1000\"");
  sh("herma kill stubborn --grace 1s", "also what has run away from it");
  second.kill("SIGKILL");
} finally {
  execFileSync(join(root, "bin/herma"), ["keeper", "stop"], { env: variables, stdio: "ignore" });
  rmSync(home, { recursive: true, force: true });
}

const inSvg = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const lineHeight = 20;
const rows = shown.map((line, row) => {
  const y = 52 + row * lineHeight;
  const [words = "", note] = line.startsWith("$ ") ? line.split(/ {3}(?=# )/) : [line];
  const kind = line.startsWith("$ ") ? "in" : "out";
  const tail = note === undefined ? "" : `<tspan class="note">   ${inSvg(note)}</tspan>`;
  return `  <text x="20" y="${y}" class="${kind}" xml:space="preserve">${inSvg(words)}${tail}</text>`;
});
const height = 52 + shown.length * lineHeight;
writeFileSync(
  join(root, "docs/picture.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg" width="1100" height="${height}" viewBox="0 0 1100 ${height}" role="img" aria-label="A terminal: a build goes on while its gateway is killed and started anew">
  <style>text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #c9d1d9 } .in { fill: #7ee787 } .note { fill: #8b949e }</style>
  <rect width="1100" height="${height}" rx="8" fill="#0d1117"/>
  <circle cx="22" cy="20" r="6" fill="#ff5f56"/><circle cx="42" cy="20" r="6" fill="#ffbd2e"/><circle cx="62" cy="20" r="6" fill="#27c93f"/>
${rows.join("\n")}
</svg>
`,
);
nodeProcess.stdout.write(`${shown.join("\n")}\n\ndocs/picture.svg is drawn\n`);
