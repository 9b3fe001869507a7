import type { ErrorCode } from "../contract/index.ts";

/** What one event does in one state. */
export type Cell<State extends string> =
  /** Goes to a state. Going to the same one means that it happens and the state stays. */
  | { readonly kind: "move"; readonly to: State }
  /** Nothing happens, for a reason that stands in the documentation. */
  | { readonly kind: "ignore"; readonly reason: string }
  /** Whoever asked gets this error. */
  | { readonly kind: "refuse"; readonly code: ErrorCode };

/** A life: every state says what every event does. A missing cell does not compile. */
export type Table<State extends string, Event extends string> = {
  readonly [S in State]: { readonly [E in Event]: Cell<State> };
};

export function move<const State extends string>(to: State): { readonly kind: "move"; readonly to: State } {
  return { kind: "move", to };
}

export function ignore(reason: string): { readonly kind: "ignore"; readonly reason: string } {
  return { kind: "ignore", reason };
}

export function refuse(code: ErrorCode): { readonly kind: "refuse"; readonly code: ErrorCode } {
  return { kind: "refuse", code };
}

/** Looks one cell up. Changes nothing: the caller moves to the state that the outcome names. */
export function step<State extends string, Event extends string>(
  table: Table<State, Event>,
  state: NoInfer<State>,
  event: NoInfer<Event>,
): Cell<State> {
  return table[state][event];
}
