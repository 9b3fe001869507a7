import type { Step } from "./climb.ts";
import type { GatewayContext } from "./context.ts";
import { claimStep } from "./steps/claim.ts";
import { controlStep, plannedStopStep } from "./steps/control.ts";
import { drainStep, workStep } from "./steps/drain.ts";
import { groupStep } from "./steps/group.ts";
import { configStep, homeStep, tokenStep } from "./steps/home.ts";
import { farewellStep, httpStep } from "./steps/http.ts";
import { identitiesStep } from "./steps/identities.ts";
import { loopStep } from "./steps/loop.ts";
import { pulseStep, stopPlanStep } from "./steps/manager.ts";
import { pastStep } from "./steps/past.ts";
import { checkpointStep, cleaningStep, keepersStep, registryStep, shortLivedStep, watchesStep } from "./steps/processes.ts";
import { recordsStep } from "./steps/records.ts";
import { takeoverStep } from "./steps/takeover.ts";

/** From nothing to the only one of its home, whatever it is: a gateway, or another daemon that lives as one does. */
export function claimedFloors(context: GatewayContext): Step[] {
  return [
    // Down last: the service manager is told until the locks are free.
    pulseStep(context),
    homeStep(context),
    configStep(context),
    groupStep(context),
    takeoverStep(context),
    claimStep(context),
    recordsStep(context),
    loopStep(context),
    pastStep(context),
    stopPlanStep(context),
  ];
}

/** Who may tell it to drain, to stop and to make room. */
export function governedFloors(context: GatewayContext): Step[] {
  return [drainStep(context), identitiesStep(context), plannedStopStep(context), controlStep(context)];
}

/** The boot of a gateway, floor by floor. Shutdown walks the same list backwards. */
export function bootSteps(context: GatewayContext): Step[] {
  return [
    ...claimedFloors(context),
    tokenStep(context),
    ...governedFloors(context),
    registryStep(context),
    shortLivedStep(context),
    // Before the keepers: what is taken over from Hermes is theirs to adopt.
    checkpointStep(context),
    keepersStep(context),
    httpStep(context),
    watchesStep(context),
    farewellStep(context),
    cleaningStep(context),
    workStep(context),
  ];
}
