import nodeProcess from "node:process";

/** Calls `make` under a umask of its own; what is begun there and goes on after it has returned is under ours. */
export function underMask<T>(umask: number, make: () => T): T {
  const before = nodeProcess.umask(umask);
  try {
    return make();
  } finally {
    nodeProcess.umask(before);
  }
}

/** Calls `make`: what it makes on disk is this user's alone from the first moment on, whatever mask the program was started with. */
export function privately<T>(make: () => T): T {
  return underMask(0o077, make);
}
