/** `herma/testing`: a machine that is played, with a clock that only tests move, disks that fail and processes that follow a script. */
export * from "./system/fake/index.ts";
export type * from "./system/index.ts";
