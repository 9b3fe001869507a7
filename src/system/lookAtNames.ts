import type { Clock, Files, Timer } from "./types.ts";

export type NamesToLookAt = {
  readonly folder: string;
  /** Of files in it; that they stand there is not needed. */
  readonly names: readonly string[];
  /** Looks at what may have changed. It must not throw. */
  readonly look: () => void;
  /** Milliseconds after a look when there is another, whatever was told. Absent: somebody else looks where the system tells nothing. */
  readonly againMs?: () => number;
  /** Told why the system tells of no change there. */
  readonly blind?: (error: unknown) => void;
};

/** Looks now, at each change of one of the names, and from time to time. Returns its end (idempotent); until then it keeps the program alive. */
export function lookAtNames(
  { clock, files }: { readonly clock: Pick<Clock, "after">; readonly files: Pick<Files, "watch"> },
  options: NamesToLookAt,
): () => void {
  const { folder, names, againMs, blind } = options;
  let closed = false;
  let timer: Timer | null = null;
  const look = (): void => {
    if (closed) return;
    timer?.cancel();
    options.look();
    // The look itself may have ended it.
    if (!closed && againMs !== undefined) timer = clock.after(againMs(), look);
  };
  let unwatch = (): void => {};
  try {
    unwatch = files.watch(folder, (name) => {
      if (name === null || names.includes(name)) look();
    });
  } catch (error) {
    blind?.(error);
  }
  look();
  return () => {
    closed = true;
    timer?.cancel();
    unwatch();
  };
}
