import fs from "node:fs";
import { Session } from "node:inspector";
import { createRequire } from "node:module";
import nodeProcess from "node:process";

/** The loop that stands still in JavaScript stops within this; one that waits inside of the system may not. */
const stackMs = 2_000;
/** Standard error may be a pipe that nobody reads. */
const wordsMs = 500;
const framesMax = 100;

type Frame = {
  readonly functionName: string;
  readonly url: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
};

/** Where the main thread stands. It is held there until `goOn`. `text` is null when it cannot be stopped. Names and places only, no values. */
export async function mainStack(): Promise<{ readonly text: string | null; goOn(): void }> {
  const session = new Session();
  const goOn = (): void => {
    try {
      session.post("Debugger.resume");
      session.disconnect();
    } catch {
      // It was never stopped.
    }
  };
  try {
    session.connectToMainThread();
    const places = new Map<string, string>();
    session.on("Debugger.scriptParsed", ({ params }) => places.set(params.scriptId, params.url));
    const paused = new Promise<readonly Frame[]>((resolve) => session.on("Debugger.paused", ({ params }) => resolve(params.callFrames)));
    session.post("Debugger.enable");
    session.post("Debugger.pause");
    const late = new Promise<null>((resolve) => setTimeout(resolve, stackMs, null));
    const frames = await Promise.race([paused, late]);
    const lines = frames?.slice(0, framesMax).map((frame) => frameText(frame, places));
    return { text: lines === undefined ? null : lines.join("\n"), goOn };
  } catch {
    return { text: null, goOn };
  }
}

function frameText({ functionName, url, location }: Frame, places: ReadonlyMap<string, string>): string {
  const place = url || places.get(location.scriptId) || "native";
  return `    at ${functionName || "<anonymous>"} (${place}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1})`;
}

/** Ends the whole program from a thread of it: Node's own exit would only end the thread. */
export async function endProgram(exitCode: number, words: string): Promise<void> {
  await Promise.race([new Promise((resolve) => fs.write(2, words, resolve)), new Promise((resolve) => setTimeout(resolve, wordsMs))]);
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    koffi.load(nodeProcess.platform === "win32" ? "msvcrt.dll" : null).func("void _exit(int)")(exitCode);
  } catch {
    // Without the binding there is no code, but there is an end.
  }
  nodeProcess.kill(nodeProcess.pid, "SIGKILL");
}
