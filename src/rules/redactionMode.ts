/** Programs (and what a shell has built in) that print variables. */
const dumpers = new Set(["env", "printenv", "set", "export", "declare", "typeset", "readonly", "local", "show-environment"]);
/** Programs that print files, searched through or not. */
const readers = new Set(
  "cat tac less more head tail nl bat batcat grep egrep fgrep rg ag sed awk gawk strings sort uniq cut tr tee xargs diff jq yq view vim vi nano od source .".split(
    " ",
  ),
);
/** What may stand in front of the program itself. */
const openers = new Set("sudo doas exec command builtin time nohup nice setsid then do else if while until ! stdbuf unbuffer".split(" "));
const secretFiles =
  /(?:^|\/)(?:\.env(?:[.-][\w.-]+)?|[\w.-]*\.env|\.envrc|\.netrc|_netrc|\.npmrc|\.yarnrc(?:\.yml)?|\.pypirc|\.pgpass|\.my\.cnf|\.git-credentials|\.(?:bash|zsh|k|c|tcsh|fish)(?:rc|env)|\.(?:bash_|z)?profile|\.bash_login|\.zlogin|(?:config|herma|secrets?|credentials?|values|settings|docker-compose|compose)\.(?:ya?ml|json|toml|ini)|config|credentials?|secrets?|auth\.json|environ|environment)$/;

/**
 * Whether a command prints variables or settings, so that what stands under a secret name in its output is a secret. Else names alone say
 * too little: source code and logs are full of tokens that are counts.
 */
export function printsSettings(command: string | readonly string[]): boolean {
  if (typeof command !== "string") return isDump(command) || command.some((word) => word.includes(" ") && printsSettings(word));
  return parts(command).some(isDump);
}

/** The words of each simple command, read as a shell would, but for what it would expand. Commands inside of quotes count as well. */
function parts(command: string): string[][] {
  return command.split(/[|;&\n(){}`]|\$\(/).flatMap((part) => {
    const words = part.split(/[\s"']+/).filter((word) => word !== "");
    return words.length === 0 ? [] : [words];
  });
}

function isDump(words: readonly string[]): boolean {
  const inner = innerCommand(words);
  const at = words.findIndex((word) => !openers.has(word) && !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word) && !word.startsWith("-"));
  if (inner !== null && isDump(inner)) return true;
  const program = words[at]?.split("/").at(-1) ?? "";
  const rest = words.slice(at + 1);
  // `set -e` and its like print nothing; without options, or tracing, it prints.
  if (program === "set") return rest.length === 0 || rest.some((word) => /^-[a-z]*[xv]/.test(word) || /^(?:xtrace|verbose)$/.test(word));
  if (dumpers.has(program)) return true;
  if (readers.has(program)) return rest.some((word) => secretFiles.test(word));
  if (program === "systemctl") return rest.includes("show-environment");
  if (program === "kubectl" || program === "oc") return rest.some((word) => /^(?:secrets?|configmaps?|cm)(?:\/|$)/.test(word));
  if (program === "docker" || program === "podman") return rest.includes("inspect") || rest.includes("config");
  return (program === "ps" && rest.some((word) => /^[a-z]*e[a-z]*$/.test(word))) || (program === "git" && rest.includes("config"));
}

/** What stands behind `bash -c`, `ssh host`, `docker exec name`, as far as words tell. */
function innerCommand(words: readonly string[]): string[] | null {
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (at !== -1 && /(?:^|\/)(?:ba|z|da|k|fi)?sh$/.test(words.slice(0, at).findLast((word) => !word.startsWith("-")) ?? ""))
    return words.slice(at + 1);
  const found = words.findIndex((word, index) => index > 0 && /^(?:printenv|env)$/.test(word.split("/").at(-1) ?? ""));
  return found === -1 ? null : words.slice(found);
}
