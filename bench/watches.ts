import type { ProcessId, WatchRuleInput } from "../src/contract/index.ts";
import { startGateway } from "./gateway.ts";
import { type BenchHome, eventually, withHome } from "./home.ts";
import type { Context, Measure, Row } from "./measure.ts";
import { cpuSeconds } from "./programs.ts";
import { median, quantile, spread, takePairs } from "./spread.ts";
import { megabytes, milliseconds } from "./texts.ts";

const ratioMax = 1 / 0.6;
const bytesFull = 200_000_000;
const bytesQuick = 5_000_000;
const latencyGoalMs = 10;
const samplesFull = 100;
const samplesQuick = 3;
/** Notices of all processes together are limited to 15 in 10 s; what is above that is held back. */
const spacingMs = 700;
const waitMsMax = 120_000;

const lastLine = "the last line of all";
/** None of them is in numbers; the last line alone matches one. */
const rules: readonly WatchRuleInput[] = [
  ...["error:", "warning:", "listening on", "compiled", "ready in", "FAILED", "panic", "Traceback", "denied"].map((match) => ({ match })),
  ...["\\bE\\d{4}\\b: ", "exit(ed)? with [1-9]", "^\\[(WARN|ERROR)\\]", "took \\d+ ?ms", "https?://[a-z]"].map((re2) => ({
    match: { re2 },
  })),
  { match: lastLine },
];

/** What it costs that somebody is to be told of lines, and how soon they are. A gateway matches, as it does for people. */
export const watches: Measure = {
  name: "watches",
  goal: "with 10 literal and 5 RE2 rules, 200 MB of output are through (to the last match) at 0.6 of the speed without; a match is told within 10 ms (p50)",
  run: (context) =>
    withHome(async (home) => {
      await home.warmKeeper();
      const gateway = await startGateway(home);
      const rows = [...(await throughput(context, home, gateway.pid)), ...(await latency(context, home))];
      await gateway.stop();
      return rows;
    }),
};

async function throughput(context: Context, home: BenchHome, gatewayPid: number): Promise<Row[]> {
  const bytes = context.quick ? bytesQuick : bytesFull;
  const script = `seq 1 25000000 | head -c ${bytes}; printf '\\n${lastLine}\\n'`;
  // All of it is kept, so that all of it is matched.
  const limits = { output_bytes_max: bytes * 2 };
  const gatewaySeconds: number[] = [];
  const paired = await takePairs({
    pairs: context.pairs,
    baseline: async () => {
      const start = performance.now();
      const { id } = await home.start(["sh", "-c", script], { limits });
      await home.ended([id]);
      const ms = performance.now() - start;
      home.forget([id]);
      return ms;
    },
    subject: async () => {
      const cpuBefore = cpuSeconds(gatewayPid);
      const start = performance.now();
      const { id } = await home.start(["sh", "-c", script], { limits, watch: rules });
      await told(home, id);
      const ms = performance.now() - start;
      gatewaySeconds.push(cpuSeconds(gatewayPid) - cpuBefore);
      await home.ended([id]);
      home.forget([id]);
      return ms;
    },
    onPair: (a, b, pair) => context.say(`throughput ${pair}: without ${milliseconds(a)}, with ${milliseconds(b)}`),
  });
  const ratio = spread(paired.ratios);
  const cpu = spread(gatewaySeconds.slice(1));
  return [
    {
      what: `${megabytes(bytes)} of output with 10 literal and 5 RE2 watch rules, to the match of its last line`,
      baseline: `without rules, to its end: ${milliseconds(median(paired.baseline))}`,
      herma: milliseconds(median(paired.subject)),
      ratio,
      goal: `ratio ≤ ${ratioMax.toFixed(2)}`,
      met: ratio.median <= ratioMax,
    },
    {
      what: `${megabytes(bytes)} of output with these rules: CPU of the gateway`,
      baseline: "",
      herma: `${cpu.median.toFixed(2)} s (${cpu.p10.toFixed(2)}–${cpu.p90.toFixed(2)})`,
      ratio: null,
      goal: "",
      met: null,
    },
  ];
}

/** From the moment a program takes just before it prints a line to the subscriber's hearing of the notice. */
async function latency(context: Context, home: BenchHome): Promise<Row[]> {
  const samples: number[] = [];
  const count = context.quick ? samplesQuick : samplesFull;
  for (let sample = 0; sample <= count; sample += 1) {
    const { id } = await home.start(["sh", "-c", "sleep 0.3; date '+now %s.%N'; exec sleep 1000"], { watch: [{ match: "now " }] });
    const heardMs = await told(home, id);
    const [, printedSeconds] = home.registry.read(id).text.split(" ");
    // The first fills caches.
    if (sample > 0) samples.push(heardMs - Number(printedSeconds) * 1000);
    await home.registry.kill(id);
    home.forget([id]);
    await new Promise((resolve) => setTimeout(resolve, spacingMs));
    if (sample % 20 === 19) context.say(`latency ${sample + 1}: ${milliseconds(median(samples))} (p50 so far)`);
  }
  return [0.5, 0.99].map((share) => ({
    what: `a line that is printed to whoever is told of it, p${share * 100} of ${samples.length}`,
    baseline: "",
    herma: milliseconds(quantile(samples, share)),
    ratio: null,
    goal: share === 0.5 ? `≤ ${latencyGoalMs} ms` : "",
    met: share === 0.5 ? median(samples) <= latencyGoalMs : null,
  }));
}

/** Waits for a process's first notice of a match. Returns when it was heard of, in ms since the epoch. */
async function told(home: BenchHome, id: ProcessId): Promise<number> {
  let heardMs: number | null = null;
  const look = (): void => {
    const found = home.registry.notices.list({ process: id }).some((notice) => notice.kind === "watch_match");
    if (found) heardMs ??= performance.timeOrigin + performance.now();
  };
  const end = home.registry.notices.subscribe({}, look);
  try {
    look();
    await eventually(`${id} is told`, () => heardMs !== null, waitMsMax);
  } finally {
    end();
  }
  return heardMs!;
}
