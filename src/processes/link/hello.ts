import type { KeeperHello } from "../../contract/index.ts";
import type { Found } from "./find.ts";

/** What a keeper said of itself, or why it said nothing. */
export type Hello = { readonly kind: "answer"; readonly hello: KeeperHello } | { readonly kind: "unreachable" | "silent" | "foreign" };

/** Finding keepers and asking them who they are. */
export type KeeperLook = {
  find(generation: string): Found;
  /** The socket of {@link KeeperLook.find}, without the look at the lock. */
  socketOf(generation: string): string;
  /** Whoever had its lock last has provably ended, as far as the lock's own file tells. */
  holderIsGone(generation: string): boolean;
  /** Throws BAD_REQUEST once the registry is closed. */
  demandOpen(): void;
  /** Judged by an answer within the time, never by connect or by a pid. */
  hello(socket: string, answerMsMax?: number): Promise<Hello>;
};
