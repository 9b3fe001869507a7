import nodeProcess from "node:process";
import { homePaths, keeperPaths } from "../../contract/index.ts";
import { noisyFiles } from "../../lifecycle/index.ts";
import { isOwnerToken, scopedLockFolder } from "../../rules/index.ts";
import type { Files } from "../../system/index.ts";
import { readSettings } from "../settings.ts";
import { bad, type Check, note, ok, skipped } from "./finding.ts";

const othersMask = 0o077;
const probeBytes = 1024 * 1024;
const fileBytesMax = 4 * 1024 * 1024;
const shownMax = 5;
const tokenBytesMax = 4096;

/** The home and what stands in it. */
export const homeChecks: readonly Check[] = [
  {
    name: "home",
    look: ({ cli, system }) => {
      const stat = system.files.stat(cli.home);
      if (stat === null) return note(`there is no ${cli.home} yet; the first process or gateway makes it`);
      if (stat.kind !== "folder") return bad(`${cli.home} is no folder`, "Choose another with --home.");
      const uid = nodeProcess.getuid?.();
      if (uid !== undefined && stat.uid !== uid && uid !== 0)
        return bad(`${cli.home} is another user's`, "Work as its owner, or choose another with --home.");
      if ((stat.mode & othersMask) !== 0)
        return note(`others can enter ${cli.home} (mode ${stat.mode.toString(8)})`, `chmod 700 ${cli.home}`);
      return ok(`${cli.home} is its owner's alone`);
    },
  },
  {
    name: "token",
    inHome: true,
    look: ({ cli, system }) => {
      const { token } = homePaths(cli.home);
      const stat = system.files.stat(token);
      if (stat === null) return note("there is no token yet; the first start of a gateway makes one");
      if (stat.kind !== "file") return bad(`${token} is no file`, "Remove it: the next start makes a new one.");
      if ((stat.mode & othersMask) !== 0)
        return bad(`others can read ${token} (mode ${stat.mode.toString(8)})`, `rm ${token}, and restart the gateway: it makes a new one.`);
      if (!isOwnerToken(system.files.read(token, tokenBytesMax)?.toString("utf8").trim() ?? ""))
        return bad(`${token} holds no token; no gateway starts on it`, "Remove it: the next start makes a new one.");
      return ok("the token is its owner's alone");
    },
  },
  {
    name: "settings",
    inHome: true,
    look: async ({ cli, system }) => {
      const stat = system.files.stat(homePaths(cli.home).config);
      if (stat !== null && stat.kind !== "file")
        return bad("herma.yaml is no file; no gateway starts on it", "Move it away: without one every setting has its default.");
      const read = await readSettings(system, cli.home);
      if (read === null) return ok("no herma.yaml: every setting has its default");
      const errors = read.problems.filter((problem) => problem.severity === "error").length;
      if (errors > 0)
        return bad(
          `herma.yaml has ${errors} error${errors === 1 ? "" : "s"}; the gateway would not start on it`,
          "`herma config check` shows them.",
        );
      if (read.problems.length > 0) return note(`herma.yaml has ${read.problems.length} oddities`, "`herma config check` shows them.");
      return ok("herma.yaml is fine");
    },
  },
  {
    name: "disk",
    inHome: true,
    look: async ({ system, scratch }) => {
      try {
        system.files.makeFolder(scratch);
        system.files.reserve(`${scratch}/space`, probeBytes);
        await system.files.replaceDurably(`${scratch}/durable`, "written\n");
        return ok("a file was written and synced, and there is room for a mebibyte more");
      } catch (error) {
        return bad(`the home cannot be written: ${(error as Error).message}`, "Make room, or mend its permissions; what runs goes on.");
      }
    },
  },
  {
    name: "files",
    inHome: true,
    look: async ({ cli, system, registry }) => {
      const noisy = [
        ...noisyFiles(system.files, cli.home, scopedLockFolder(nodeProcess.env)),
        ...otherRecords(cli.home, system.files).filter((path) => isNoise(system.files, path)),
      ];
      const aside = setAside(cli.home, system.files);
      const unreadable = (await registry())
        .list({ all: true })
        .filter((view) => view.problem !== null)
        .map((view) => `${view.id} (${view.problem})`);
      if (noisy.length > 0)
        return bad(
          `not in their form: ${shown(noisy)}`,
          "They are read as if they were absent (a drain marker drains for an hour); look who else writes there, then remove them or leave them.",
        );
      const { store } = homePaths(cli.home);
      if ((system.files.stat(store)?.kind ?? "file") !== "file")
        return bad(`${store} is no file; nothing can be watched or told`, "Move it away: the next program makes a new one.");
      if (unreadable.length > 0)
        return note(
          `processes with something wrong: ${shown(unreadable)}`,
          "`herma inspect ID` tells what is known; what lives is looked after.",
        );
      if (aside.length > 0)
        return note(`set aside, because they were not in their form: ${shown(aside)}`, "Look at them, then remove them.");
      return ok("every record can be read");
    },
  },
];

function otherRecords(home: string, files: Files): string[] {
  const paths = homePaths(home);
  return [paths.checkpoint, ...files.list(paths.keepers).map((generation) => keeperPaths(home, generation).file)];
}

/** Records that were put aside under another name, in the home and in the folders of its processes. */
function setAside(home: string, files: Files): string[] {
  const folder = homePaths(home).processes;
  const inside = files
    .list(folder)
    .flatMap((id) =>
      files.stat(`${folder}/${id}`)?.kind === "folder" ? files.list(`${folder}/${id}`).map((name) => `${id}/${name}`) : [],
    );
  return [...files.list(home), ...inside].filter((name) => /\.corrupt(?:-|$)/.test(name));
}

function isNoise(files: Files, path: string): boolean {
  try {
    const bytes = files.read(path, fileBytesMax);
    if (bytes === null || bytes.length === 0) return false;
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return false;
  } catch {
    return true;
  }
}

function shown(names: readonly string[]): string {
  const more = names.length - shownMax;
  return `${names.slice(0, shownMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Where there is no home, what would be looked at in it. */
export const withoutHome = skipped("there is no home yet");
