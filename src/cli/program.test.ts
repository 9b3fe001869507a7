import { expect, test } from "vitest";
import { errorCatalogue } from "../contract/index.ts";
import { pathOf } from "./commandPath.ts";
import { examplesText, exitCodes } from "./helpTexts.ts";
import { makeProgram } from "./program.ts";
import { quickPs } from "./quickPs.ts";

type Commands = ReturnType<typeof makeProgram>["commands"];

function leaves(commands: Commands): Commands {
  return commands.flatMap((command) => (command.commands.length === 0 ? [command] : leaves(command.commands)));
}

/** The command that commander would run, with its words and options; null when it refuses. */
async function parsed(argv: string[]): Promise<{ path: string; words: string[]; options: Record<string, unknown> } | null> {
  const program = makeProgram();
  let found: Awaited<ReturnType<typeof parsed>> = null;
  for (const command of leaves(program.commands)) {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
    command.action(() => {
      found = { path: pathOf(command), words: command.args, options: { ...program.opts(), ...command.opts() } };
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch {
    return null;
  }
  return found;
}

test("commands that errors point to exist", () => {
  const texts = Object.values(errorCatalogue).flatMap(({ doc, hint }) => [doc, hint]);
  const named = texts.flatMap((text) => [...text.matchAll(/`herma ([^`]*)`/g)].map((match) => match[1]!));
  expect(named.length).toBeGreaterThan(5);
  for (const line of named) {
    let commands: Commands = makeProgram().commands;
    for (const word of line.split(" ")) {
      if (commands.length === 0) break;
      const next = commands.find((command) => command.name() === word);
      expect(next, `herma ${line}`).toBeDefined();
      commands = next?.commands ?? [];
    }
  }
});

test("what stands behind -- belongs to the command, and so does everything behind its first word", async () => {
  expect((await parsed(["run", "--", "ls", "--json", "-d"]))?.words).toEqual(["ls", "--json", "-d"]);
  const bare = await parsed(["run", "-d", "--name", "x", "ls", "--all", "--", "y"]);
  expect(bare?.words).toEqual(["ls", "--all", "--", "y"]);
  expect(bare?.options).toMatchObject({ detach: true, name: "x", inheritEnv: true });
  expect((await parsed(["run", "-e", "A=1", "--env", "B=2", "true"]))?.options.env).toEqual(["A=1", "B=2"]);
});

test("home and json may stand before or behind the command; behind wins", async () => {
  expect((await parsed(["--home", "/a", "--json", "logs", "x"]))?.options).toMatchObject({ home: "/a", json: true });
  expect((await parsed(["--home", "/a", "logs", "x", "--home", "/b"]))?.options.home).toBe("/b");
  expect((await parsed(["gateway", "run", "--home", "/b", "--port", "0"]))?.options).toMatchObject({ home: "/b", port: "0" });
});

test.each([["foo"], ["ps", "x"], ["run"], ["wait"], ["ps", "--bla"], ["run", "--lifetime", "day", "ls"], ["completion", "csh"]])(
  "refused: %s %s",
  async (...argv) => {
    expect(await parsed(argv)).toBeNull();
  },
);

test("the quick reading of ps is that of the program", async () => {
  const lines = ["ps", "ps --all", "ps -a --json", "--json ps", "--home /x ps", "ps --home /x -a", "--home=/y ps --json", "ps --home=/y"];
  for (const line of lines) {
    const quick = quickPs(line.split(" "));
    const slow = await parsed(line.split(" "));
    expect(slow?.path, line).toBe("ps");
    expect({ home: undefined, ...quick }, line).toEqual({
      all: slow?.options.all === true,
      json: slow?.options.json === true,
      home: slow?.options.home,
    });
  }
  for (const line of ["ps x", "ps --help", "--all ps", "run ps", "ps --home", "ps --home --json", "ps ps", "logs ps", ""]) {
    expect(quickPs(line.split(" ")), line).toBeNull();
  }
});

test("every command has a description and examples, and fits a terminal of 80 columns", () => {
  const program = makeProgram();
  for (const command of leaves(program.commands).filter((each) => !["complete", "gateway diagnose"].includes(pathOf(each)))) {
    expect(command.description(), pathOf(command)).not.toBe("");
    expect(examplesText(pathOf(command)), pathOf(command)).toContain(`herma ${pathOf(command).split(" ")[0]}`);
  }
  for (const line of program.helpInformation().split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});

test("the help names every exit code of the catalogue", () => {
  const named = new Set(exitCodes.flatMap(([codes]) => codes.split(", ")));
  for (const row of Object.values(errorCatalogue)) expect(named).toContain(String(row.exit));
});
