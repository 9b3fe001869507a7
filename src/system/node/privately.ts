import nodeProcess from "node:process";

/** Calls `make`: what it makes on disk is this user's alone from the first moment on, whatever mask the program was started with. */
export function privately<T>(make: () => T): T {
  const before = nodeProcess.umask(0o077);
  try {
    return make();
  } finally {
    nodeProcess.umask(before);
  }
}
