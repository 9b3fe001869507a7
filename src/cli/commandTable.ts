import type { Command } from "commander";
import type { Cli } from "./cli.ts";

/** A command: what it is asked, and its exit code. */
export type Run<Options> = (cli: Cli, words: readonly string[], options: Options) => Promise<number>;

/** Adds a command below `parent`; what does it is loaded when it is asked for. */
export type Add = <Options>(parent: Command, name: string, about: string, load: () => Promise<Run<Options>>) => Command;
