import fs from "node:fs";

/**
 * Has the threads for file operations started now. libuv starts them at the first operation of that kind and aborts the program where the system
 * gives it none: where the user may have no more processes by then (`ulimit -u`, and something that forks without end).
 */
export function startThreads(): void {
  fs.stat("/", () => {});
}
