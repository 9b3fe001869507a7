import type { ServicePlan } from "./servicePlan.ts";
import { xmlText } from "./xml.ts";

/**
 * A gateway as a task of the Windows Task Scheduler, for `schtasks /Create /XML`: started when its user logs on, started again a minute
 * after it failed, never stopped for time or batteries, one at a time.
 */
export function windowsTask(plan: ServicePlan): string {
  const [program = "", ...parameters] = plan.command;
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${xmlText(`Herma gateway of ${plan.home}`)}</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Hidden>true</Hidden>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${xmlText(program)}</Command>
      <Arguments>${xmlText(parameters.map(argument).join(" "))}</Arguments>
      <WorkingDirectory>${xmlText(plan.home)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`;
}

/** One argument as programs on Windows take their command line apart again: backslashes before a quote are doubled. */
function argument(text: string): string {
  if (text !== "" && !/[\s"]/.test(text)) return text;
  return `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}
