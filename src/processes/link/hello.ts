import type { KeeperHello } from "../../contract/index.ts";
import type { Found } from "./find.ts";

/** What a keeper said of itself, or why it said nothing. */
export type Hello = { readonly kind: "answer"; readonly hello: KeeperHello } | { readonly kind: "unreachable" | "silent" | "foreign" };

/** Finding keepers and asking them who they are. */
export type KeeperLook = {
  find(generation: string): Found;
  /** Judged by an answer within the time, never by connect or by a pid. */
  hello(socket: string, answerMsMax?: number): Promise<Hello>;
};
