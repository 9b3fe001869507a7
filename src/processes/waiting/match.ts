import { type ProcessId, processPaths } from "../../contract/index.ts";
import { createLineScan, type LineBlock, type LineMatch, type LineScan, type WatchMatcher } from "../../rules/index.ts";
import type { Timer } from "../../system/index.ts";
import type { Context } from "../context.ts";
import { readFolder } from "../folder.ts";
import { shownMatchLine } from "../matchedLine.ts";
import { OutputCursor } from "../output.ts";
import type { Pattern } from "../patterns.ts";
import type { Condition, Look, Scene } from "./condition.ts";

const chunkBytesMax = 65_536;
/** Bytes read in one turn of the event loop, so that other waits get theirs. */
const turnBytesMax = 2_097_152;
/** Milliseconds for the same: bytes that are no text take ten times as long as lines. */
const turnMsMax = 25;
/** A match in an unfinished line that more output could undo (`^done$`) counts when nothing has come for this long. */
const quietMs = 250;

/**
 * A line of output that matches. Lines are found in the durable output by their bytes and offsets alone, so how it was cut into writes, events
 * and reads changes nothing. The last line counts before its end has come: a prompt has none.
 */
export function matchCondition(scene: Scene, options: { readonly pattern: Pattern; readonly after: number }): Condition {
  return new MatchCondition(scene, options.pattern, options.after);
}

class MatchCondition implements Condition {
  readonly cause = "match";
  readonly #context: Context;
  readonly #id: ProcessId;
  readonly #ring: () => void;
  readonly #cursor: OutputCursor;
  readonly #scan: LineScan;
  readonly #matcher: WatchMatcher;
  readonly #endMatters: boolean;
  #match: LineMatch | null = null;
  /** End of the output when its open line was last looked at. */
  #openSeen = -1;
  #heardAtMs = 0;
  #quiet: Timer | null = null;

  constructor(scene: Scene, pattern: Pattern, after: number) {
    this.#context = scene.context;
    this.#id = scene.id;
    this.#ring = scene.ring;
    this.#cursor = new OutputCursor(scene.context.system.files, processPaths(scene.context.home, scene.id).output, after);
    this.#scan = createLineScan({ line: after, counted: false });
    this.#matcher = pattern.matcher();
    this.#endMatters = pattern.endMatters;
  }

  look(over: boolean): Look {
    if (this.#match !== null) return "met";
    const { clock } = this.#context.system;
    const overMs = clock.monotonicMs() + turnMsMax;
    let read = 0;
    for (let chunk = this.#cursor.next(chunkBytesMax); chunk !== null; chunk = this.#cursor.next(chunkBytesMax)) {
      this.#heardAtMs = clock.monotonicMs();
      if (chunk.kind === "gap") continue;
      if (this.#tryBlocks(this.#scan.feed(chunk.bytes, chunk.offset))) return "met";
      read += chunk.bytes.length;
      if (read >= turnBytesMax || clock.monotonicMs() >= overMs) return "more";
    }
    const rest = over ? this.#scan.end() : this.#openLine();
    return rest !== null && this.#tryBlocks([rest]) ? "met" : "not";
  }

  found(): ReturnType<Condition["found"]> {
    if (this.#match === null) return {};
    return { match: { line: shownMatchLine(this.#context, this.#id, this.#match), offset: this.#match.offset } };
  }

  close(): void {
    this.#quiet?.cancel();
  }

  /** The open line if it may be looked at now, and was not yet. */
  #openLine(): LineBlock | null {
    if (this.#openSeen === this.#scan.next) return null;
    if (this.#endMatters) {
      const { clock } = this.#context.system;
      const leftMs = this.#heardAtMs + quietMs - clock.monotonicMs();
      if (leftMs > 0) {
        this.#quiet?.cancel();
        this.#quiet = clock.after(leftMs, this.#ring);
        return null;
      }
    }
    this.#openSeen = this.#scan.next;
    return this.#scan.openLine();
  }

  #tryBlocks(blocks: readonly LineBlock[]): boolean {
    for (const block of blocks) {
      const match = this.#matcher.match(block)[0];
      if (match === undefined || this.#isBehindTheEnd(match.offset)) continue;
      this.#match = match;
      return true;
    }
    return false;
  }

  /** Whether a line begins behind the end of the run. What the process's children write into the stream after that does not count. */
  #isBehindTheEnd(offset: number): boolean {
    const { exit } = readFolder(this.#context.system.files, this.#context.home, this.#id);
    return exit !== null && offset >= exit.output_end;
  }
}
