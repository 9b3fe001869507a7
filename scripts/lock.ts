/**
 * Makes package-lock.json whole: every package made for one platform stands in it, also those of platforms that the registry asked did not
 * carry when the lock was written. npm leaves such packages out without a word, and `npm ci` then refuses the lock, on every platform.
 *
 *     node scripts/lock.ts [--check]
 *
 * Run it after `npm install`. An entry made here has no checksum: npm takes the one of its registry on the platform that needs it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";

type Entry = {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  license?: string;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
  os?: string[];
};
export type Lock = { packages: Record<string, Entry> };

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors: readonly (readonly [RegExp, string])[] = [
  [/^(arm64|aarch64)$/, "arm64"],
  [/^(arm|armv7|armhf)$/, "arm"],
  [/^(x64|x86_64)$/, "x64"],
  [/^(ia32|i686)$/, "ia32"],
  [/^(loong64|mips64el|ppc64|riscv64|s390x|wasm32)$/, ""],
];

/** The platform a package's name tells, as npm's own fields; null when it tells none. */
export function platformOf(name: string): Pick<Entry, "cpu" | "os" | "libc"> | null {
  const words = name.split(/[-/]/);
  const os = systems.find((system) => words.includes(system));
  let cpu: string | undefined;
  for (const word of words) {
    const row = processors.find(([pattern]) => pattern.test(word));
    if (row !== undefined) cpu = row[1] === "" ? word : row[1];
  }
  if (os === undefined || cpu === undefined) return null;
  if (words.some((word) => word.startsWith("musl"))) return { cpu: [cpu], os: [os], libc: ["musl"] };
  if (words.some((word) => word.startsWith("gnu")) && os === "linux") return { cpu: [cpu], os: [os], libc: ["glibc"] };
  return { cpu: [cpu], os: [os] };
}

/** Adds what is missing, in npm's order of entries. Returns the names. Throws when a name does not tell its platform or a version is a range. */
export function completeLock(lock: Lock): string[] {
  const added: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isPresent(lock, path, name)) continue;
      const platform = platformOf(name);
      if (platform === null) throw new Error(`${name}: its name does not tell its platform`);
      if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${name}: ${version} is not one version`);
      const { cpu, os, libc } = platform;
      lock.packages[`node_modules/${name}`] = {
        version,
        ...(cpu === undefined ? {} : { cpu }),
        ...(entry.dev === true ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc }),
        optional: true,
        ...(os === undefined ? {} : { os }),
      };
      added.push(name);
    }
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
  return added;
}

function isPresent(lock: Lock, path: string, name: string): boolean {
  return [`${path}/node_modules/${name}`, `node_modules/${name}`].some((place) => Object.hasOwn(lock.packages, place));
}

function main(): void {
  const path = join(import.meta.dirname, "..", "package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
  const missing = completeLock(lock);
  if (missing.length === 0) {
    console.log("package-lock.json is whole");
  } else if (nodeProcess.argv.includes("--check")) {
    console.error(`package-lock.json lacks ${missing.length} packages of other platforms (${missing[0]} …); run \`npm run lock\``);
    nodeProcess.exitCode = 1;
  } else {
    writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`added ${missing.length} packages of other platforms`);
  }
}

if (import.meta.main) main();
