/** `herma/processes`: the registry of a home's processes. `openRegistry({ home, system: nodeSystem(), clientName: "…" })` opens one. */
export {
  type ErrorCode,
  type ExitFile,
  errorCatalogue,
  HermaError,
  isHermaError,
  type ProcessFact,
  type ProcessId,
  type ProcessView,
  type ReadResult,
  version,
} from "./contract/index.ts";
export * from "./processes/index.ts";
export { nodeSystem, type System } from "./system/index.ts";
