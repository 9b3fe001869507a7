import type { Cli } from "../cli.ts";
import { type Check, type Finding, type Given, skipped } from "../doctor/finding.ts";
import { homeChecks, withoutHome } from "../doctor/homeChecks.ts";
import { serviceChecks } from "../doctor/serviceChecks.ts";
import { systemChecks } from "../doctor/systemChecks.ts";
import { output } from "../output.ts";

const checks: readonly Check[] = [...homeChecks, ...systemChecks, ...serviceChecks];
const foundExit = 1;
const marks: Readonly<Record<Finding["verdict"], readonly [string, "green" | "yellow" | "red" | "dim"]>> = {
  ok: ["ok", "green"],
  note: ["note", "yellow"],
  bad: ["bad", "red"],
  skipped: ["-", "dim"],
};

/** `herma doctor`: tries out each claim on this machine and says how to mend what is wrong. Exit 1 when anything is. */
export async function doctor(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const system = await cli.system();
  const exists = system.files.stat(cli.home)?.kind === "folder";
  const scratch = `${cli.home}/.doctor-${Buffer.from(system.random(6)).toString("hex")}`;
  const given: Given = { cli, system, scratch, registry: () => cli.registry() };
  const found: ({ readonly name: string } & Finding)[] = [];
  try {
    for (const check of checks) {
      const finding = check.inHome === true && !exists ? withoutHome : await looked(check, given);
      found.push({ name: check.name, ...finding });
      if (!cli.json) tell(check.name, finding);
    }
  } finally {
    if (exists) removeQuietly(given);
  }
  const wrong = found.filter((finding) => finding.verdict === "bad").length;
  if (cli.json) output.json({ ok: wrong === 0, findings: found });
  else output.line(wrong === 0 ? "nothing is wrong" : `${wrong} ${wrong === 1 ? "thing is" : "things are"} wrong`);
  return wrong === 0 ? 0 : foundExit;
}

/** A check that fails in a way it did not foresee has found something. */
async function looked(check: Check, given: Given): Promise<Finding> {
  try {
    if (check.inScratch === true && !canScratch(given)) return skipped("the home cannot be written, so it could not be tried out");
    return await check.look(given);
  } catch (error) {
    return { verdict: "bad", words: `it could not be looked at: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function canScratch({ system, scratch }: Given): boolean {
  try {
    system.files.makeFolder(scratch);
    return true;
  } catch {
    return false;
  }
}

function tell(name: string, { verdict, words, mend }: Finding): void {
  const [mark, style] = marks[verdict];
  output.line(`${output.style(style, mark.padEnd(5))} ${name.padEnd(12)} ${words}`);
  if (mend !== undefined) output.line(`${" ".repeat(19)}${output.style("dim", "mend:")} ${mend}`);
}

function removeQuietly({ system, scratch }: Given): void {
  try {
    system.files.removeTree(scratch);
  } catch {
    // The checks have told what is wrong with the home.
  }
}
