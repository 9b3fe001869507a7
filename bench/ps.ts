import { withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { hermaLauncher, timeEmptyNode, timeProgram } from "./programs.ts";
import { median, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const ratioMax = 3;
const pairsFull = 20;
const running = 5;

export const ps: Measure = {
  name: "ps",
  goal: "`herma ps` takes at most 3 times what `node -e 0` takes",
  run: (context) =>
    withHome(async (home) => {
      const ids = await home.startIdle(running);
      const paired = await takePairs({
        pairs: context.quick ? context.pairs : Math.max(pairsFull, context.pairs),
        // The first run writes the compile cache, the second one reads it.
        warmUps: 2,
        baseline: () => timeEmptyNode(home.variables),
        subject: async () => {
          const { ms, stdout } = await timeProgram([hermaLauncher, "ps", "--json"], home.variables);
          const listed = ids.filter((id) => stdout.includes(id)).length;
          if (listed !== running) throw new Error(`herma ps shows ${listed} of ${running} processes`);
          return ms;
        },
        onPair: (a, b, pair) => {
          if (pair % 5 === 0) context.say(`${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`);
        },
      });
      const ratio = spread(paired.ratios);
      return [
        {
          what: `\`herma ps\` with ${running} running processes, warm compile cache`,
          baseline: `\`node -e 0\`: ${milliseconds(median(paired.baseline))}`,
          herma: milliseconds(median(paired.subject)),
          ratio,
          goal: `ratio ≤ ${ratioMax}`,
          met: ratio.median <= ratioMax,
        },
      ];
    }),
};
