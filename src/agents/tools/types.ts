import type { Owner } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import type { Clock } from "../../system/index.ts";

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** The object a tool answers with. */
export type JsonObject = { readonly [key: string]: Json };

/** A JSON Schema of the flat kind: an object whose properties are plain types, lists of strings, or maps of plain types. */
export type InputSchema = {
  readonly type: "object";
  readonly properties: { readonly [name: string]: JsonObject };
  readonly required: readonly string[];
};

export type ToolCall = {
  /** Ends waits: the call answers at once with what there is, and the process goes on. */
  readonly signal?: AbortSignal;
};

export type ToolResult = {
  /** What the model is to read. A call that could not be done has an `error` (a sentence that says what to call instead). */
  readonly content: JsonObject;
  /** The call could not be done as asked. A command that failed, or a wait that was too short, is no failed call. */
  readonly failed: boolean;
  /**
   * Tells that `content` stands in the model's transcript for good. Until then the output in it counts as not read, and the next read
   * brings it again. Idempotent; never throws.
   */
  acknowledge(): void;
};

/** A tool for a model, whatever library calls it. */
export type Tool = {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: InputSchema;
  /** Never throws, whatever the input is. */
  run(input: unknown, call?: ToolCall): Promise<ToolResult>;
};

export type ToolsOptions = {
  readonly registry: Registry;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
  /** Who reads: each has read its own part of every process's output. One per transcript. */
  readonly transcriptReader: string;
  /**
   * The conversation and task that own what is started. With none of them, `list` shows every process of the home; without a session nobody
   * can be told of ends and matches.
   */
  readonly session?: string;
  readonly task?: string;
  /** Default `tool`. */
  readonly ownerKind?: Owner["kind"];
  /** Folder of commands that name none. Default: the program's. */
  readonly cwd?: string;
  /** Seconds a foreground command may run when its call names no `timeout`: above 0, at most 600 (else `createTools` throws BAD_REQUEST). Default 180. */
  readonly foregroundSeconds?: number;
  /** How long an empty poll waits for something new. Default 5 s. */
  readonly pollSeconds?: number;
};

export type Tools = { readonly terminal: Tool; readonly process: Tool };
