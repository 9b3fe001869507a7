import type { NoticeState } from "../contract/index.ts";
import { ignore, move, type Table } from "./table.ts";

/** What happens to a notice that stands in the store. */
export type NoticeEvent =
  /** The program of its reader takes it, to deliver it. */
  | "claim"
  /** Its claimant says that the reader's turn has it and will keep it. */
  | "deliver"
  /** Its claimant gives it back. */
  | "release"
  /** The claim has expired: its program is dead, or too slow. */
  | "leaseOver"
  /** Its reader has waited for, or read, what it tells, so it knows already. */
  | "consume"
  /** It has failed too often to be tried again. */
  | "giveUp";

/** Reasons that say the same in more than one cell. */
const notTheirs = ignore("the claim is over; whoever held it is told so, and leaves the notice out of its turn");
const nothingHeld = ignore("nobody holds it");
const known = ignore("it is known: nothing tells it again");
const reachedReader = ignore("it has reached its reader");

/**
 * The life of a notice. Every way ends in `consumed`, `delivered` or `dead`, and none of them leads back: what its reader has, or knows, is
 * never told again. A claimant whose claim has expired can change nothing any more, so two claimants never both deliver it.
 */
export const noticeTable: Table<NoticeState, NoticeEvent> = {
  stored: {
    claim: move("claimed"),
    deliver: notTheirs,
    release: notTheirs,
    leaseOver: nothingHeld,
    consume: move("consumed"),
    giveUp: move("dead"),
  },
  claimed: {
    claim: ignore("somebody has it; it is free again when that claim ends"),
    deliver: move("delivered"),
    release: move("stored"),
    leaseOver: move("stored"),
    // It was read in the meantime. Its claimant learns that when it wants to deliver.
    consume: move("consumed"),
    giveUp: move("dead"),
  },
  delivered: {
    claim: reachedReader,
    deliver: ignore("delivered once is delivered; whoever did it is told yes again"),
    release: reachedReader,
    leaseOver: reachedReader,
    consume: move("consumed"),
    giveUp: reachedReader,
  },
  consumed: { claim: known, deliver: notTheirs, release: notTheirs, leaseOver: nothingHeld, consume: known, giveUp: known },
  dead: {
    claim: ignore("it failed too often; it stays for people to see"),
    deliver: notTheirs,
    release: notTheirs,
    leaseOver: nothingHeld,
    // Whoever reads what it tells has no use for the complaint that it could not be told.
    consume: move("consumed"),
    giveUp: ignore("the first reason is kept"),
  },
};
