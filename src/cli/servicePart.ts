import { type Command, Option } from "commander";
import type { Add } from "./commandTable.ts";

const system = ["--system", "the service of the whole machine"] as const;
const user = ["--user", "the service of this user (the usual one, unless you are root)"] as const;

/** `herma doctor`. */
export function addDoctor(program: Command, add: Add): void {
  add(
    program,
    "doctor",
    "Try out what Herma needs and promises on this machine, and say how to mend what is wrong.",
    async () => (await import("./commands/doctor.ts")).doctor,
  );
}

/** The commands of `herma gateway` that have to do with the machine's service manager. */
export function addService(gateway: Command, add: Add): void {
  add(
    gateway,
    "install",
    "Make the gateway a service that starts by itself, or repair that service.",
    async () => (await import("./commands/serviceInstall.ts")).gatewayInstall,
  )
    .option(...system)
    .option(...user)
    .option("--run-as <name>", "with --system: who it runs as (default: who owns the home, else who called sudo, else root)")
    .option("--no-start", "do not start it now")
    .option("--print", "only print what would be installed")
    .addOption(
      new Option("--for <manager>", "with --print: for another machine").choices([
        "systemd-user",
        "systemd-system",
        "launchd",
        "windows-task",
      ]),
    );
  add(
    gateway,
    "uninstall",
    "End the service and remove it; the home and its processes stay.",
    async () => (await import("./commands/serviceInstall.ts")).gatewayUninstall,
  )
    .option(...system)
    .option(...user);
  add(gateway, "start", "Start the service.", async () => (await import("./commands/serviceStart.ts")).gatewayStart)
    .option(...system)
    .option(...user);
  add(
    gateway,
    "logs",
    "Show the log of the gateway, when it runs as a service or was started by a restart.",
    async () => (await import("./commands/serviceLogs.ts")).gatewayLogs,
  )
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .option("-n, --lines <count>", "the last lines (default: 200)")
    .option(...system)
    .option(...user);
}
