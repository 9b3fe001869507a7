import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { Agent, get } from "node:http";
import { basename } from "node:path";
import nodeProcess from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { homePaths } from "../src/contract/index.ts";
import { claimGateway } from "../src/lifecycle/index.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { type BenchHome, withHome } from "./home.ts";
import type { Measure, Row } from "./measure.ts";
import { pinnedNode, timeEmptyNode } from "./programs.ts";
import { median, quantile, spread, takePairs } from "./spread.ts";
import { megabytes, milliseconds } from "./texts.ts";

const pairsFull = 10;
const addedMsMax = 20;
const takeoverMsMax = 30_000;
/** Between two requests of a client. */
const restMs = 1;
const heartbeatsAnHour = 120;
const fastBeatMs = 5;

/** From the spawn to both locks held (the pid file appears right then), and from a signal to the end of an idle gateway. */
export const startAndStop: Measure = {
  name: "startAndStop",
  goal: "how soon a gateway holds its home, and how soon an idle one has gone",
  run: (context) =>
    withHome(async (home) => {
      const lockMs: number[] = [];
      const stops = await takePairs({
        pairs: context.quick ? context.pairs : Math.max(pairsFull, context.pairs),
        warmUps: 2,
        baseline: () => stopOfServer(home),
        subject: async () => {
          const begun = performance.now();
          const locked = pidFileAppears(home);
          const gateway = await startGateway(home);
          lockMs.push((await locked) - begun);
          return await stopped(gateway);
        },
        onPair: (a, b, pair) => context.say(`${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`),
      });
      const empty = await timeEmptyNode(home.variables);
      return [
        row("gateway from spawn to both locks held", `\`node -e 0\`: ${milliseconds(empty)}`, milliseconds(median(lockMs.slice(2)))),
        {
          ...row(
            "stop of an idle gateway, from SIGINT to its end",
            `an HTTP server of \`node\` that closes: ${milliseconds(median(stops.baseline))}`,
            milliseconds(median(stops.subject)),
          ),
          ratio: spread(stops.ratios),
        },
      ];
    }),
};

/** One client asks request after request, each on a connection of its own, while gateways take over from each other. */
export const takeoverGap: Measure = {
  name: "takeoverGap",
  goal: `a takeover fails no request and adds at most ${addedMsMax} ms to one`,
  run: (context) =>
    withHome(async (home) => {
      let gateway = await startGateway(home);
      const { address } = gateway;
      let failed = 0;
      let requests = 0;
      const over = async (during: () => Promise<void>): Promise<number> => {
        let going = true;
        const times: number[] = [];
        const client = (async () => {
          while (going) {
            const ms = await answerMs(`${address}/healthz`);
            if (ms === null) failed += 1;
            else times.push(ms);
            requests += 1;
            await pause(restMs);
          }
        })();
        await during();
        going = false;
        await client;
        return Math.max(...times);
      };
      const paired = await takePairs({
        pairs: context.quick ? context.pairs : Math.max(pairsFull, context.pairs),
        // The same start beside it, on a home of its own: what a machine of few cores adds by itself.
        baseline: () => withHome((other) => over(async () => (await startGateway(other)).stop())),
        subject: () =>
          over(async () => {
            const before = gateway;
            gateway = await startGateway(home, ["--replace"]);
            await before.ended(takeoverMsMax);
          }),
        onPair: (a, b, pair) => context.say(`${pair}: slowest ${milliseconds(a)}, in a takeover ${milliseconds(b)}`),
      });
      await gateway.stop();
      const added = quantile(paired.differences, 0.5);
      return [
        {
          what: `takeover: slowest answer to a client of new connections, ${requests} requests, ${failed} failed`,
          baseline: `while another gateway starts and stops: ${milliseconds(median(paired.baseline))}`,
          herma: `${milliseconds(median(paired.subject))}, which is ${milliseconds(added)} more`,
          ratio: spread(paired.ratios),
          goal: `0 failed, ≤ ${addedMsMax} ms more`,
          met: failed === 0 && added <= addedMsMax,
        },
      ];
    }),
};

/** What writing the state costs, as each heartbeat does; an hour has 120. */
export const heartbeat: Measure = {
  name: "heartbeat",
  goal: "what an hour of heartbeats costs",
  run: ({ quick }) =>
    withHome(async (home) => {
      const system = home.system;
      const result = await claimGateway({
        home: home.folder,
        system,
        argv: [],
        commandLine: nodeProcess.argv,
        version: "0",
        heartbeatMs: fastBeatMs,
        measure: () => ({ rss_bytes: system.vitals.memory().rssBytes, oom_kills: system.vitals.machine().oomKills }),
      });
      if (!result.ok) throw new Error("the home is claimed already");
      const { claim } = result;
      const begun = claim.state.seq;
      const used = nodeProcess.cpuUsage();
      await pause(quick ? 300 : 5_000);
      const { user, system: kernel } = nodeProcess.cpuUsage(used);
      const beats = claim.state.seq - begun;
      const bytes = JSON.stringify(claim.state).length;
      await claim.end({ phase: "stopped", exitReason: "bench" });
      const hourMs = ((user + kernel) / 1000 / beats) * heartbeatsAnHour;
      return [
        row(
          "heartbeats of an hour: CPU, and bytes written (each synced)",
          "",
          `${milliseconds(hourMs)}, ${megabytes(bytes * heartbeatsAnHour)}`,
        ),
      ];
    }),
};

function row(what: string, baseline: string, herma: string): Row {
  return { what, baseline, herma, ratio: null, goal: "", met: null };
}

async function pidFileAppears(home: BenchHome): Promise<number> {
  const name = basename(homePaths(home.folder).gatewayPid);
  const { promise, resolve } = Promise.withResolvers<number>();
  const watcher = watch(home.folder, (_event, changed) => {
    if (changed === name) resolve(performance.now());
  });
  try {
    return await promise;
  } finally {
    watcher.close();
  }
}

async function stopped(gateway: RunningGateway): Promise<number> {
  const begun = performance.now();
  nodeProcess.kill(gateway.pid, "SIGINT");
  await gateway.ended(takeoverMsMax);
  return performance.now() - begun;
}

const serverProgram = `
const server = require("node:http").createServer().listen(0, "127.0.0.1", () => console.log("up"));
process.once("SIGINT", () => server.close(() => process.exit(0)));
`;

async function stopOfServer(home: BenchHome): Promise<number> {
  const child = spawn(pinnedNode, ["-e", serverProgram], { env: home.variables, stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  await once(child.stdout, "data");
  const begun = performance.now();
  child.kill("SIGINT");
  await closed;
  return performance.now() - begun;
}

/** Null when it failed. */
async function answerMs(url: string): Promise<number | null> {
  const begun = performance.now();
  const agent = new Agent({ keepAlive: false });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  get(url, { agent }, (answer) => {
    answer.resume();
    answer.on("error", () => resolve(null));
    answer.on("end", () => resolve(answer.statusCode === 200 ? performance.now() - begun : null));
  }).on("error", () => resolve(null));
  return await promise;
}
