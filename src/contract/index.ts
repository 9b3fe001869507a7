/** What crosses a process, disk or network border. Floor 0: it imports nothing of ours. */
import "./zodSettings.ts";

export * from "./checked.ts";
export * from "./config.ts";
export * from "./configParser.ts";
export * from "./disk/checkpoint.ts";
export * from "./disk/cleaning.ts";
export * from "./disk/drain.ts";
export * from "./disk/exit.ts";
export * from "./disk/exitDiary.ts";
export * from "./disk/gateway.ts";
export * from "./disk/identity.ts";
export * from "./disk/keeper.ts";
export * from "./disk/restarts.ts";
export * from "./disk/spec.ts";
export * from "./disk/state.ts";
export * from "./drainApi.ts";
export * from "./errors.ts";
export * from "./facts.ts";
export * from "./gatewayApi.ts";
export * from "./health.ts";
export * from "./ids.ts";
export * from "./interest.ts";
export { type FieldProblem, fieldProblems } from "./issues.ts";
export * from "./keeperApi.ts";
export * from "./paths.ts";
export * from "./processView.ts";
export * from "./version.ts";
