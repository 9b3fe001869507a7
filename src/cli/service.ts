import nodeProcess from "node:process";
import { defaultConfig, HermaError } from "../contract/index.ts";
import { forTools, Service } from "../lifecycle/index.ts";
import { managerStopMs, type ServiceKind, type ServicePlan, serviceName, servicePath } from "../rules/index.ts";
import { ownNode, type System } from "../system/index.ts";
import type { Cli } from "./cli.ts";
import { readSettings } from "./settings.ts";
import { userHome } from "./userHome.ts";

/** Which manager is meant: that of the machine or of the user. Neither: the one that has the service, else the usual one. */
export type WhoseService = { readonly system?: boolean; readonly user?: boolean };

/** A person of this machine. */
type Person = { readonly name: string; readonly id: number; readonly folder: string };

const lookupMsMax = 5_000;
const lookupBytesMax = 4_096;
const systemdMark = "/run/systemd/system";

/** Milliseconds that a stop through the manager may take, the manager's own time included. */
export function stopMsMax(service: Service): number {
  return managerStopMs(service.plan.drainMs) + 15_000;
}

/** The service of this home, or null when it has none. Throws BAD_REQUEST when both managers have one and none is named. */
export async function findService(cli: Cli, whose: WhoseService): Promise<Service | null> {
  const system = await cli.system();
  const found: Service[] = [];
  for (const kind of kindsOf(system, whose)) {
    const service = await serviceOf(cli, kind);
    if (service.installed) found.push(service);
  }
  if (found.length > 1) {
    throw new HermaError("BAD_REQUEST", "this home is a service of this machine's manager and of its user's as well", {
      hint: "Name one with --system or --user; `herma gateway uninstall --system` or `--user` removes one of them.",
    });
  }
  return found[0] ?? null;
}

/** As {@link findService}, but throws SERVICE_NOT_INSTALLED. */
export async function theService(cli: Cli, whose: WhoseService): Promise<Service> {
  const service = await findService(cli, whose);
  if (service !== null) return service;
  throw new HermaError("SERVICE_NOT_INSTALLED", `the gateway of ${cli.home} is no service`);
}

/** The service that an install would make. `runAs`: a person's name, for a system service. Throws SERVICE_UNAVAILABLE, BAD_REQUEST. */
export async function serviceToInstall(cli: Cli, options: WhoseService & { readonly runAs?: string }): Promise<Service> {
  const system = await cli.system();
  const kind = installKind(system, options);
  if (options.runAs !== undefined && kind !== "systemd-system") {
    throw new HermaError("BAD_REQUEST", "--run-as is for a service of the whole machine", { hint: "Give --system as well." });
  }
  if (kind.startsWith("systemd") && system.files.stat(systemdMark) === null)
    throw new HermaError("SERVICE_UNAVAILABLE", "systemd is not the service manager of this machine");
  if (kind === "systemd-system" && nodeProcess.getuid?.() !== 0) {
    throw new HermaError("SERVICE_UNAVAILABLE", "a service of the whole machine is root's to install", {
      hint: "`sudo herma gateway install --system`, or leave --system away for a service of your own.",
    });
  }
  return await serviceOf(cli, kind, options.runAs);
}

/** The service of a kind for this home, installed or not. `elsewhere`: for another machine, of which is assumed that keepers can have scopes there. */
export async function serviceOf(cli: Cli, kind: ServiceKind, runAs?: string, elsewhere = false): Promise<Service> {
  const system = await cli.system();
  const variables = nodeProcess.env;
  const owner = kind === "systemd-system" ? await ownerOf(cli, system, runAs) : null;
  const home = owner === null ? cli.home : homeFor(cli.home, userHome(), owner);
  const name = serviceName(home, kind === "systemd-system" ? "/root/.herma" : `${userHome()}/.herma`);
  const settings = await readSettings(system, home);
  // In a service of the machine that runs as a person, keepers may or may not get scopes from that person's manager. The unit works in both cases when
  // it does not rely on it.
  const plan: ServicePlan = {
    kind,
    name,
    home,
    command: [...ownNode, nodeProcess.argv[1] ?? "", "gateway", "run", "--home", home],
    drainMs: (settings?.config ?? defaultConfig()).gateway.drain_timeout_seconds * 1000,
    scoped: owner !== null && owner.id !== 0 ? false : elsewhere || (await system.scopes.probe()) === "scoped",
    ...(owner === null ? {} : { user: owner }),
  };
  const path = servicePath({ kind, name }, { userHome: userHome(), configHome: variables.XDG_CONFIG_HOME, home });
  return new Service({ plan, path, userId: nodeProcess.getuid?.() ?? 0, system, variables: userBus(variables) });
}

function kindsOf(system: System, { system: machine, user }: WhoseService): readonly ServiceKind[] {
  if (system.platform === "darwin") return ["launchd"];
  if (system.platform === "win32") return ["windows-task"];
  if (machine === user) return ["systemd-user", "systemd-system"];
  return machine === true ? ["systemd-system"] : ["systemd-user"];
}

/** Root's gateway is the machine's, a person's is that person's own. */
function installKind(system: System, whose: WhoseService): ServiceKind {
  if (whose.system === true && whose.user === true) throw new HermaError("BAD_REQUEST", "--system and --user exclude each other");
  const kinds = kindsOf(system, whose);
  if (kinds.length === 1) return kinds[0]!;
  return nodeProcess.getuid?.() === 0 ? "systemd-system" : "systemd-user";
}

/** Who a system service runs as: who was named, who owns the home, who called sudo, else root. */
async function ownerOf(cli: Cli, system: System, runAs: string | undefined): Promise<Person> {
  const asked = runAs ?? system.files.stat(cli.home)?.uid ?? nodeProcess.env.SUDO_USER ?? 0;
  const answer = await system.spawner.run({
    argv: ["getent", "passwd", String(asked)],
    cwd: "/",
    variables: forTools(nodeProcess.env),
    timeoutMs: lookupMsMax,
    bytesMax: lookupBytesMax,
  });
  const [name, , id, , , folder] = answer?.stdout.toString("utf8").trim().split(":") ?? [];
  if (name !== undefined && name !== "" && folder !== undefined && /^\d+$/.test(id ?? "")) return { name, id: Number(id), folder };
  if (runAs !== undefined) throw new HermaError("BAD_REQUEST", `--run-as: this machine knows no "${runAs}"`);
  return { name: String(asked), id: Number(asked) || 0, folder: "/" };
}

/** With sudo, the usual home is that of the person the service will run as, not root's. */
function homeFor(home: string, ourFolder: string, owner: Person): string {
  return home === `${ourFolder}/.herma` && owner.folder !== "/" ? `${owner.folder}/.herma` : home;
}

/** A shell without a login (sudo, cron, ssh with a command) does not say where its user's manager is; it is always in the same place. */
function userBus(variables: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string | undefined>> {
  const uid = nodeProcess.getuid?.();
  if (variables.XDG_RUNTIME_DIR !== undefined || uid === undefined) return variables;
  return { ...variables, XDG_RUNTIME_DIR: `/run/user/${uid}` };
}
