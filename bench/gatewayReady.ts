import { startGateway } from "./gateway.ts";
import { withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { timeEmptyNode } from "./programs.ts";
import { median, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const ratioMax = 6;
const pairsFull = 10;

export const gatewayReady: Measure = {
  name: "gatewayReady",
  goal: "a gateway is ready within 6 times what `node -e 0` takes",
  run: (context) =>
    withHome(async (home) => {
      const paired = await takePairs({
        pairs: context.quick ? context.pairs : Math.max(pairsFull, context.pairs),
        // The first run makes the token and writes the compile cache.
        warmUps: 2,
        baseline: () => timeEmptyNode(home.variables),
        subject: async () => {
          const gateway = await startGateway(home);
          await gateway.stop();
          return gateway.readyMs;
        },
        onPair: (a, b, pair) => context.say(`${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`),
      });
      const ratio = spread(paired.ratios);
      return [
        {
          what: "gateway from spawn to /readyz 200, no processes, warm compile cache",
          baseline: `\`node -e 0\`: ${milliseconds(median(paired.baseline))}`,
          herma: milliseconds(median(paired.subject)),
          ratio,
          goal: `ratio ≤ ${ratioMax}`,
          met: ratio.median <= ratioMax,
        },
      ];
    }),
};
