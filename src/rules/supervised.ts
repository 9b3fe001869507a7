/** Who starts the gateway anew when it ends. */
export type Supervisor = "systemd" | "launchd" | "container" | "declared";

/**
 * Who supervises a program, by what such a supervisor leaves in its variables; null when nobody does. `INVOCATION_ID` alone is no proof: every
 * program of a desktop that systemd started inherits it, and a gateway that ends with "restart me" (75) would then not come back.
 */
export function supervisorOf(program: {
  readonly pid: number;
  readonly parentPid: number;
  readonly variables: Readonly<Record<string, string | undefined>>;
}): Supervisor | null {
  const { pid, parentPid, variables } = program;
  if (variables.NOTIFY_SOCKET) return "systemd";
  if (variables.INVOCATION_ID) {
    // systemd 248 and newer names the process it has executed: us, or the shell around us.
    const executed = variables.SYSTEMD_EXEC_PID;
    if (executed === undefined || executed === String(pid) || executed === String(parentPid)) return "systemd";
  }
  const launchd = variables.XPC_SERVICE_NAME;
  // Programs of a desktop session have "0", or the name of the terminal's application.
  if (launchd && launchd !== "0" && !launchd.startsWith("application.")) return "launchd";
  if (variables.HERMA_SUPERVISED === "1" || variables.HERMES_S6_SUPERVISED_CHILD === "1") return "declared";
  return pid === 1 ? "container" : null;
}
