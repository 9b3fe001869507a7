/** The operating system behind small interfaces. The fake one has its own door, `fake/index.ts`, so that production never loads it. */
export { lookAtNames, type NamesToLookAt } from "./lookAtNames.ts";
export { sha256Hex } from "./node/digest.ts";
export { type NodeSystemOptions, nodeSystem } from "./node/nodeSystem.ts";
export { ownNode, thisProgram } from "./node/thisProgram.ts";
export { startThreads } from "./node/threads.ts";
export { runtimeFolder } from "./runtimeFolder.ts";
export type * from "./types.ts";
