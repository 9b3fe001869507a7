import type { ProcessId } from "../contract/index.ts";

/**
 * Which variables a process may see. What makes the agent itself run (keys of model and tool providers, tokens of bots, settings of the
 * gateway) must not reach the commands that a model writes. General cloud credentials stay on purpose: a person's tools need them.
 * Names are compared without regard to case, so that `openai_api_key` is no way around.
 */

/** `_HERMES_FORCE_X=v` (the original's form) or `_HERMA_FORCE_X=v` sets X for this one process, even where X is stripped by default. */
const forcePrefixes = ["_HERMES_FORCE_", "_HERMA_FORCE_"];

const providers = [
  ..."AI21 ANTHROPIC ANYSCALE BRAVE BROWSERBASE CEREBRAS COHERE DASHSCOPE DEEPINFRA DEEPSEEK ELEVENLABS EXA FAL FIRECRAWL FIREWORKS".split(
    " ",
  ),
  ..."GEMINI GLM GOOGLE GROQ HELICONE HUGGINGFACE HYPERBOLIC JINA KIMI LITELLM MINIMAX MISTRAL MOONSHOT NOVITA NOUS OPENAI OPENROUTER".split(
    " ",
  ),
  ..."PARALLEL PERPLEXITY REPLICATE SAMBANOVA SERPAPI SERPER STABILITY TAVILY TINKER TOGETHER VENICE VOYAGE WANDB XAI ZAI ZHIPU".split(" "),
];
const providerEndings = ["API_KEY", "API_TOKEN", "API_BASE", "API_URL", "BASE_URL"];

const channels = [
  ..."BLUEBUBBLES DINGTALK DISCORD EMAIL FEISHU HASS LINE MATRIX MATTERMOST NTFY QQ SIGNAL SLACK SMS TEAMS TELEGRAM TWILIO WECOM".split(
    " ",
  ),
  ..."WEIXIN WHATSAPP".split(" "),
];
/** A channel's variable is one of the gateway's when its rest holds one of these; other variables that merely begin alike are people's own. */
const channelParts =
  /(^|_)(ACCOUNT|ACCOUNT_SID|ADDRESS|ALLOW|ALLOWED|APP_ID|APP_SECRET|APP_TOKEN|AUTH_TOKEN|AUTO_THREAD|BOT_TOKEN|CLIENT_SECRET|ENABLED|ENCRYPT_KEY|FREE_RESPONSE_CHANNELS|HOME_ADDRESS|HOME_CHANNEL|HTTP_URL|IGNORED?|IMAP_HOST|MODE|PASSWORD|REQUIRE_MENTION|SECRET|SIGNING_SECRET|SMTP_HOST|TOKEN|URL|VERIFICATION_TOKEN|WEBHOOK_SECRET)(_|$)/;

const single = new Set(
  [
    ..."ANTHROPIC_TOKEN AWS_BEARER_TOKEN_BEDROCK CLAUDE_CODE_OAUTH_TOKEN FAL_KEY HF_TOKEN LLM_MODEL OPENAI_ORGANIZATION OPENAI_ORG_ID".split(
      " ",
    ),
    ..."DAYTONA_API_KEY GH_TOKEN GITHUB_APP_ID GITHUB_APP_INSTALLATION_ID GITHUB_APP_PRIVATE_KEY GITHUB_APP_PRIVATE_KEY_PATH".split(" "),
    ..."GITHUB_TOKEN MODAL_TOKEN_ID MODAL_TOKEN_SECRET GATEWAY_ALLOWED_USERS GATEWAY_ALLOW_ALL_USERS".split(" "),
  ].concat(providers.flatMap((provider) => providerEndings.map((ending) => `${provider}_${ending}`))),
);

/**
 * What a service manager gave to the one program it started. A child that inherits it would speak as that program: say that it is ready,
 * keep its watchdog quiet, or take its sockets for its own.
 */
const managers =
  /^(NOTIFY_SOCKET|WATCHDOG_(USEC|PID)|LISTEN_(PID|FDS|FDNAMES)|FDSTORE|MAINPID|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_(WATCH|WRITE)|CREDENTIALS_DIRECTORY)$/;

/** Secrets of Herma itself (and of a Hermes beside it), and of its relays. Nothing re-allows them: no process has use for them. */
const ownSecret =
  /^(HERMA|HERMES)_(.*_)?(TOKEN|SECRET|KEY|PASSWORD)$|^GATEWAY_RELAY_.*(SECRET|KEY|TOKEN)$|^AUXILIARY_.*_(API_KEY|BASE_URL)$/;

/** Whether a variable is kept from processes: `never` whatever is asked, `default` unless it is re-allowed, null when it passes. */
export function variableBlock(name: string): "never" | "default" | null {
  const upper = name.toUpperCase();
  if (ownSecret.test(upper)) return "never";
  if (single.has(upper) || managers.test(upper)) return "default";
  const channel = channels.find((prefix) => upper.startsWith(`${prefix}_`));
  return channel !== undefined && channelParts.test(upper.slice(channel.length + 1)) ? "default" : null;
}

/** The given variables without the blocked ones. `pass`: names that the owner re-allows in herma.yaml. */
export function passedVariables(given: Readonly<Record<string, string>>, pass: readonly string[] = []): Record<string, string> {
  const allowed = new Set(pass.map((name) => name.toUpperCase()));
  const passed: Record<string, string> = {};
  const forced: [string, string][] = [];
  for (const [name, value] of Object.entries(given)) {
    const prefix = forcePrefixes.find((candidate) => name.startsWith(candidate) && name.length > candidate.length);
    if (prefix !== undefined) {
      const real = name.slice(prefix.length);
      if (variableBlock(real) !== "never") forced.push([real, value]);
      continue;
    }
    const block = variableBlock(name);
    if (block === null || (block === "default" && allowed.has(name.toUpperCase()))) passed[name] = value;
  }
  // Whatever the order they were given in, a forced value is the one that was meant.
  for (const [name, value] of forced) passed[name] = value;
  return passed;
}

/**
 * The variables a start hands to the keeper: what passes, and what makes programs behave where nobody watches a screen. A variable that was
 * given wins over these, except the process's mark.
 */
export function startVariables(start: {
  readonly given: Readonly<Record<string, string>>;
  readonly pass: readonly string[];
  readonly id: ProcessId;
  readonly terminal: boolean;
}): Record<string, string> {
  const quiet: Record<string, string> = start.terminal ? {} : { TERM: "dumb", NO_COLOR: "1", PAGER: "cat", GIT_PAGER: "cat" };
  return { PYTHONUNBUFFERED: "1", ...quiet, ...passedVariables(start.given, start.pass), HERMA_PROCESS_ID: start.id };
}

const keeperNames =
  /^(HOME|USER|LOGNAME|SHELL|PATH|LANG|LANGUAGE|LC_[A-Z_]+|TZ|TMPDIR|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK)$/;
const keeperOwn = /^(NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS|HERMA_TEST_RUN)$/;

/**
 * The keeper's own environment, from that of the client that happens to start it. It serves every client of the home, so it gets what a
 * login has and nothing of the one client: no secrets, no HERMA_PROCESS_ID (it would be taken for part of that process), no NODE_OPTIONS.
 */
export function keeperVariables(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (keeperNames.test(name) || keeperOwn.test(name))) kept[name] = value;
  }
  return kept;
}
