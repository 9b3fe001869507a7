/** One gateway per home, provably: locks, records, heartbeat, markers. Floor 3. */

export { type Autopsy, completeAutopsy, loopReport } from "./autopsy.ts";
export { claimGateway } from "./claim.ts";
export type { ClaimLoss, ClaimRequest, ClaimResult, GatewayClaim, LastState } from "./claimTypes.ts";
export { diagnose, diagnosisBytesMax, diagnosisFilesMax, diagnosisMsMax, startDiagnosis } from "./diagnosis.ts";
export { DrainLeases, type DrainLeasesOptions, type DrainOddity, type DrainWish, drainEpoch } from "./drainLeases.ts";
export { watchDrain } from "./drainWatch.ts";
export { type EndRequest, type EndResult, endGateway, unproven } from "./endGateway.ts";
export { type DiaryNote, diaryBytesMax, readDiary, writeDiary } from "./exitDiary.ts";
export { openChapter, type Past } from "./firstWords.ts";
export { type HeartbeatSeen, lookAtHeartbeat } from "./heartbeat.ts";
export { type GatewayRunView, gatewayRuns, lastExit } from "./history.ts";
export { type Holder, holderOf } from "./holder.ts";
export { refuseOthersHome } from "./homeUser.ts";
export { followLogFile, LogFile, olderLog } from "./logFile.ts";
export { clearMarker, judgeMarker, type MarkerKind, type MarkerVerdict, markerPath, writeMarker } from "./markers.ts";
export { noisyFiles } from "./noise.ts";
export { contractArgv, readGatewayRecord, readGatewayState, recordIs, recordLiveness } from "./records.ts";
export { noteRestart, readRestarts } from "./restarts.ts";
export {
  listScopedLocks,
  type ScopedLockOwner,
  type ScopedLockResult,
  type ScopedLockSeen,
  ScopedLocks,
  type ScopedLocksOptions,
} from "./scopedLocks.ts";
export { Service, type ServiceState } from "./service.ts";
export { forTools, ServiceManager, unitProperty, type Variables } from "./serviceManager.ts";
export { contextLine, type ShutdownContext, shutdownSnapshot } from "./snapshot.ts";
export { standBy } from "./standby.ts";
export type { StateChange } from "./stateFile.ts";
export { systemLogsOf } from "./systemLogs.ts";
export { type FoundGateway, findGateway, type ProvenGateway } from "./target.ts";
