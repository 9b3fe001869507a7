/** Pure decisions: no input or output, no clock, no async. Floor 1: it imports only the contract. */
export * from "./ending.ts";
export * from "./gatewayTable.ts";
export * from "./keys.ts";
export * from "./ladder.ts";
export * from "./names.ts";
export * from "./noticeTable.ts";
export * from "./plainText.ts";
export * from "./processTable.ts";
export * from "./quantities.ts";
export * from "./recovery.ts";
export { createRedactor, type Redactor } from "./redaction.ts";
export * from "./retention.ts";
export * from "./signals.ts";
export * from "./sockets.ts";
export * from "./table.ts";
export * from "./text.ts";
export * from "./tree.ts";
export * from "./variables.ts";
