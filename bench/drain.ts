import { readFileSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { type DrainStatus, homePaths } from "../src/contract/index.ts";
import { startGateway } from "./gateway.ts";
import { withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { quantile, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const goalMs = 50;
const samplesFull = 200;
const samplesQuick = 20;
const lateMs = 30_000;

/** From the marker's rename, as another program writes it, to an answer of the gateway that says: observed. */
export const drain: Measure = {
  name: "drain",
  goal: `a drain marker closes the gate within ${goalMs} ms (p99)`,
  run: (context) =>
    withHome(async (home) => {
      const gateway = await startGateway(home);
      const { drainMarker, token } = homePaths(home.folder);
      const agent = new Agent({ keepAlive: true });
      home.onClose(async () => agent.destroy());
      const look = lookAt(`${gateway.address}/api/gateway/drain`, readFileSync(token, "utf8").trim(), agent);
      const paired = await takePairs({
        pairs: context.quick ? samplesQuick : samplesFull,
        warmUps: 5,
        baseline: () => bareWatch(home.folder),
        subject: async () => {
          const start = putMarker(drainMarker);
          await until(look, (status) => status.observed);
          const ms = performance.now() - start;
          rmSync(drainMarker);
          await until(look, (status) => !status.draining);
          return ms;
        },
        onPair: (a, b, pair) => {
          if (pair % 20 === 0) context.say(`${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`);
        },
      });
      await gateway.stop();
      return [0.5, 0.99].map((share) => ({
        what: `drain marker to closed gate, as seen over HTTP, p${share * 100} of ${paired.subject.length}`,
        baseline: `event of \`fs.watch\`: ${milliseconds(quantile(paired.baseline, share))}`,
        herma: milliseconds(quantile(paired.subject, share)),
        ratio: share === 0.5 ? spread(paired.ratios) : null,
        goal: share === 0.99 ? `≤ ${goalMs} ms` : "",
        met: share === 0.99 ? quantile(paired.subject, share) <= goalMs : null,
      }));
    }),
};

/** Returns the moment right before the rename. */
function putMarker(path: string): number {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, JSON.stringify({ action: "drain", requested_at: new Date().toISOString(), principal: "bench" }));
  const start = performance.now();
  renameSync(temporary, path);
  return start;
}

async function bareWatch(folder: string): Promise<number> {
  const path = join(folder, "logs", "bench-marker");
  const { promise, resolve } = Promise.withResolvers<number>();
  const watcher = watch(join(folder, "logs"), (_event, name) => {
    if (name === "bench-marker") resolve(performance.now());
  });
  try {
    const start = putMarker(path);
    return (await promise) - start;
  } finally {
    watcher.close();
    rmSync(path);
  }
}

function lookAt(url: string, token: string, agent: Agent): () => Promise<DrainStatus> {
  return async () => {
    const { promise, resolve, reject } = Promise.withResolvers<DrainStatus>();
    get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text) as DrainStatus);
        else reject(new Error(`${url} answered ${answer.statusCode}: ${text}`));
      });
    }).on("error", reject);
    return await promise;
  };
}

async function until(look: () => Promise<DrainStatus>, holds: (status: DrainStatus) => boolean): Promise<void> {
  const endMs = performance.now() + lateMs;
  while (!holds(await look())) if (performance.now() > endMs) throw new Error("the gateway did not see the marker");
}
