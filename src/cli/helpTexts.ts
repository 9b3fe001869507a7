/** What each exit code means, in the order of the help. A test compares it with the error catalogue. */
export const exitCodes: readonly (readonly [string, string])[] = [
  ["0", "done"],
  ["1", "another gateway runs, or the port is taken; `wait`: one of several did not end with 0; `doctor`: something is wrong"],
  ["2", "the command line cannot be understood"],
  ["3", "no gateway runs here (`gateway status`, `link`, `drain` …), or it is no service"],
  ["4", "no such process, or more than one"],
  ["5", "not possible in the process's state (it has ended, its input is closed, the name is taken …)"],
  ["6", "the keeper, the service manager, the disk or a file failed"],
  ["7", "something survived a kill"],
  ["70", "a bug"],
  ["78", "the settings, the home or this machine do not let it work"],
  ["124", "not in time"],
  ["125", "the process ended, but how could not be proven"],
  ["126, 127", "the command could not be executed, or not be found"],
  ["128+n", "signal n ended the process"],
];

export function exitCodesText(): string {
  const lines = exitCodes.map(([code, meaning]) => `  ${code.padEnd(9)} ${meaning}`);
  return `\nExit codes (\`run\`, \`wait\` and \`attach\` exit with the code of the process):\n${lines.join("\n")}\n\n\`herma COMMAND --help\` shows examples.`;
}

const examples: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  run: [
    ["herma run -- npm test", "in the foreground: its output, its exit code; Ctrl-C reaches it"],
    ["herma run -d --name dev -- 'npm run dev'", "detached: prints the id"],
    ["echo hi | herma run -- cat", "standard input is forwarded to its end"],
    ["herma run --memory 2G --timeout 1h -- make", "held to limits, with all it starts"],
    ["herma run --tty -- htop", "in a terminal; Ctrl-\\ twice leaves it running"],
  ],
  ps: [
    ["herma ps --all", "ended ones too"],
    ["herma ps --json | jq -r '.processes[].id'", "for programs"],
  ],
  logs: [
    ["herma logs -f dev", "follow to the end"],
    ["herma logs --all dev | grep -i error", "everything that is kept"],
    ["herma logs --since 4096 --raw dev", "bytes from an offset"],
    ["herma logs --search error -C 2 dev", "lines with a text, and two around each"],
  ],
  wait: [
    ["herma wait dev --timeout 30s", "exit code of the process, or 124"],
    ["herma wait --any 1a2b 3c4d", "until the first of two has ended"],
    ["herma wait dev --for port:3000", "until it listens"],
    ["herma wait dev --for 'match:ready in' --timeout 1m", "until it prints that"],
  ],
  "hand-over": [["herma hand-over dev --to agent:main:web:dm:1 --purpose 'the dev server of the shop'", "its notices go there"]],
  send: [
    ["herma send dev yes", "the line `yes`"],
    ["herma send dev --key ctrl-c", "a key, for processes with a terminal"],
    ["cat data.csv | herma send dev --file - --eof", "a stream, then the end of input"],
  ],
  attach: [["herma attach dev", "the screen as it is now; Ctrl-\\ twice leaves"]],
  kill: [
    ["herma kill dev", "TERM, a grace, KILL, for the whole tree; the verdict names survivors"],
    ["herma kill dev --signal HUP", "one signal only"],
    ["herma kill --all --grace 10s", "every live process of this home"],
  ],
  limit: [
    ["herma limit dev", "show its limits"],
    ["herma limit dev --memory 2G --cpu 150", "for a process that was started with a limit of memory, processes or processor time"],
    ["herma limit dev --timeout none", "lift a limit"],
    ["herma limit dev --output-max 256M", "a process that waits because its output is full goes on"],
  ],
  inspect: [["herma inspect dev --json", "its folder's files, put together"]],
  "gateway run": [
    ["herma gateway run --port 0", "on any free port; prints where"],
    ["herma gateway run --replace", "in place of the one that runs; no request is lost"],
  ],
  dashboard: [
    ["herma dashboard --port 0", "on any free port; prints where"],
    ['curl -H "Authorization: Bearer $(cat ~/.herma/token)" localhost:7718/api/health/agent', "does the gateway live?"],
  ],
  "gateway stop": [
    ["herma gateway stop", "when running work is done; processes go on"],
    ["herma gateway stop --force --with-processes", "at once, and all that was started to live for a turn or a session"],
  ],
  "gateway restart": [["herma gateway restart", "returns when the next one is ready"]],
  "gateway status": [
    ["herma gateway status --json", "for programs"],
    ["herma gateway status --deep", "everything that can be known without asking it"],
  ],
  doctor: [["herma doctor --json", "for programs; exit code 1 when anything is wrong"]],
  "gateway history": [["herma gateway history --json | jq '.runs[0]'", "the newest, with its stack if something was thrown"]],
  "gateway drain": [
    ["herma gateway drain --wait --timeout 5m", "before maintenance; exit code 124 when something still runs"],
    ["herma gateway drain --principal updater --ttl 10m", "ends by itself after 10 minutes, should the updater die"],
  ],
  "gateway undrain": [["herma gateway undrain --principal updater", "drains of others go on"]],
  "gateway install": [
    ["herma gateway install", "a service of yours; `--system` makes one of the whole machine"],
    ["herma gateway install --print --for launchd", "what a Mac would get"],
  ],
  "gateway uninstall": [["herma gateway uninstall", "the home and its processes stay"]],
  "gateway start": [["herma gateway start", "as the service; `herma gateway run` runs one here"]],
  "gateway logs": [
    ["herma gateway logs -n 50", "its last 50 lines"],
    ["herma gateway logs -f --json | jq -r .line", "as it comes, until Ctrl-C"],
  ],
  "gateway link": [["xdg-open $(herma gateway link)", "in the browser of this machine"]],
  mcp: [["herma mcp", "what an MCP client is told to run; the running gateway serves the same at /mcp"]],
  "keeper status": [["herma keeper status", "generation, pid, how many processes it holds"]],
  "keeper stop": [["herma keeper stop", "ends all processes of this home"]],
  "config show": [["herma config show --json", "for programs"]],
  "config check": [["herma config check", "before a restart"]],
  "config import": [
    ["herma config import --dry-run", "what ~/.hermes would give"],
    ["herma config import /srv/agent/config.yaml --force", "its values go before those of herma.yaml"],
  ],
  completion: [
    ["source <(herma completion bash)", "in ~/.bashrc"],
    ["herma completion fish > ~/.config/fish/completions/herma.fish", "for fish"],
  ],
};

/** Examples of one command: what to type, and what it does. */
function examplesOf(command: string): readonly (readonly [string, string])[] {
  return examples[command] ?? [];
}

/** Examples of one command, under its help. */
export function examplesText(command: string): string {
  const rows = examplesOf(command);
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(([line]) => line.length));
  return `\nExamples:\n${rows.map(([line, about]) => `  ${line.padEnd(width)}  ${about}`).join("\n")}`;
}
