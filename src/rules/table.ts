import type { ErrorCode } from "../contract/index.ts";

/** What one event does in one state. */
export type Cell<State extends string> =
  /** Goes to a state; going to the same one means: it happens, and the state stays. */
  | { readonly kind: "move"; readonly to: State }
  /** Nothing happens, for a reason that stands in the documentation. */
  | { readonly kind: "ignore"; readonly reason: string }
  /** Whoever asked is told no. */
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

/** Looks one cell up. Nothing is changed: the caller moves, and only by what it is told here. */
export function step<State extends string, Event extends string>(
  table: Table<State, Event>,
  state: NoInfer<State>,
  event: NoInfer<Event>,
): Cell<State> {
  return table[state][event];
}
