import { createRequire } from "node:module";
import nodeProcess from "node:process";
import type { Memory } from "../types.ts";
import { native } from "./native.ts";

const require = createRequire(import.meta.url);
/** A program that has been collecting no garbage for this long is at rest. */
const restMs = 1000;
/** By then a program that starts has loaded what it needs, on most machines. */
const startMs = 500;
/** Fewer collections than this since the last release (about a megabyte of garbage each) leave too little to give back. */
const collectionsMin = 3;

/** See `Memory`. */
export function nodeMemory(): Memory {
  let small = false;
  return {
    keepSmall: () => {
      if (small) return;
      small = true;
      // The start is the first burst. A changed flag makes Node.js compile what it loads of itself from then on, without the code it keeps for
      // that: the web server alone took 20 ms more.
      setTimeout(() => {
        const v8 = require("node:v8") as typeof import("node:v8");
        v8.setFlagsFromString("--semi-space-growth-factor=1");
        // What was compiled for a burst goes with its garbage; unused bytecode goes by default, and this is made from it.
        v8.setFlagsFromString("--flush-baseline-code");
        releaseAtRest(releaser(v8));
      }, startMs).unref();
    },
  };
}

/**
 * V8 itself collects all garbage and returns pages only while there is work, so what a burst has left would stay for days. Its own small
 * collections tell of work: there is nothing to look at, and no timer, while nothing happens.
 */
function releaseAtRest(release: () => void): void {
  const { PerformanceObserver } = require("node:perf_hooks") as typeof import("node:perf_hooks");
  let collections = 0;
  const rested = (): void => {
    rest = null;
    release();
    collections = 0;
  };
  let rest: NodeJS.Timeout | null = setTimeout(rested, restMs).unref();
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
    if (rest !== null) rest.refresh();
    else if (collections >= collectionsMin) rest = setTimeout(rested, restMs).unref();
  });
  observer.observe({ entryTypes: ["gc"] });
}

type Collect = (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

/** Collects all garbage (about 25 ms for 20 MB) and gives the free pages of V8 and of the C library back to the system. */
function releaser(v8: typeof import("node:v8")): () => void {
  let collect: Collect | null = null;
  return () => {
    collect ??= collector(v8);
    collect({ type: "major", flavor: "last-resort" });
    if (nodeProcess.platform === "linux") native().trimHeap();
  };
}

/** The only way to a collection that shrinks the heap. `gc` is exposed only for an instant, so that no other code finds it. */
function collector(v8: typeof import("node:v8")): Collect {
  v8.setFlagsFromString("--expose-gc");
  const collect: unknown = (require("node:vm") as typeof import("node:vm")).runInNewContext("gc");
  v8.setFlagsFromString("--no-expose-gc");
  return typeof collect === "function" ? (collect as Collect) : () => {};
}
