/** The turn loop and its tools. Floor 5. */
export { createTools } from "./tools/createTools.ts";
export type * from "./tools/types.ts";
