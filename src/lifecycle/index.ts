/** One gateway per home, provably: locks, records, heartbeat, markers. Floor 3. */
export {
  type ClaimLoss,
  type ClaimRequest,
  type ClaimResult,
  claimGateway,
  type GatewayClaim,
  type LastState,
  readGatewayState,
} from "./claim.ts";
export { type Holder, holderOf } from "./holder.ts";
export { judgeMarker, type MarkerKind, type MarkerVerdict, markerPath } from "./markers.ts";
export { contractArgv, readGatewayRecord, recordIs, recordLiveness } from "./records.ts";
export type { StateChange } from "./stateFile.ts";
