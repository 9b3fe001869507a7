import { getSystemErrorName } from "node:util";
import { type ErrorCode, HermaError } from "../../contract/index.ts";

/** The system's name of what it refused (ENOENT, EACCES …); "" for anything that is no system error. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** True when the file or one of its folders is not there. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",
  EMFILE: "TOO_MANY_FILES",
  ENFILE: "TOO_MANY_FILES",
};

/** The catalogue's error for a refusal by the system. `doing` is a verb phrase, such as "write"; the message names path and reason. */
export function fault(doing: string, path: string, error: unknown, data?: Record<string, unknown>): HermaError {
  if (error instanceof HermaError) return error;
  const name = codeOf(error);
  const reason = name === "" ? (error instanceof Error ? error.message : String(error)) : name;
  return new HermaError(codes[name] ?? "IO", `Cannot ${doing} ${path}: ${reason}`, {
    cause: error,
    data: { path, error: reason, ...data },
  });
}

/** As {@link fault}, for an errno value of a native call. */
export function faultOfErrno(doing: string, path: string, errno: number): HermaError {
  return fault(doing, path, Object.assign(new Error(getSystemErrorName(-errno)), { code: getSystemErrorName(-errno) }));
}
