import { expect, test } from "vitest";
import { keeperVariables, passedVariables, startVariables, variableBlock } from "./variables.ts";

test.each([
  ..."OPENAI_API_KEY OPENAI_BASE_URL OPENAI_API_BASE OPENAI_ORG_ID OPENROUTER_API_KEY ANTHROPIC_TOKEN CLAUDE_CODE_OAUTH_TOKEN".split(" "),
  ..."FIRECRAWL_API_KEY FIRECRAWL_API_URL AWS_BEARER_TOKEN_BEDROCK GH_TOKEN GITHUB_TOKEN GITHUB_APP_PRIVATE_KEY_PATH".split(" "),
  ..."MODAL_TOKEN_ID MODAL_TOKEN_SECRET DAYTONA_API_KEY TELEGRAM_BOT_TOKEN TELEGRAM_HOME_CHANNEL TELEGRAM_HOME_CHANNEL_NAME".split(" "),
  ..."DISCORD_BOT_TOKEN DISCORD_REQUIRE_MENTION DISCORD_FREE_RESPONSE_CHANNELS DISCORD_AUTO_THREAD SLACK_APP_TOKEN".split(" "),
  ..."SLACK_SIGNING_SECRET SLACK_ALLOWED_USERS WHATSAPP_ENABLED WHATSAPP_MODE SIGNAL_HTTP_URL SIGNAL_ACCOUNT".split(" "),
  ..."SIGNAL_GROUP_ALLOWED_USERS SIGNAL_IGNORE_STORIES HASS_TOKEN HASS_URL EMAIL_ADDRESS EMAIL_PASSWORD EMAIL_IMAP_HOST".split(" "),
  ..."EMAIL_HOME_ADDRESS_NAME GATEWAY_ALLOWED_USERS LLM_MODEL openai_api_key NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS JOURNAL_STREAM".split(
    " ",
  ),
])("%s is stripped unless it is re-allowed", (name) => {
  expect(variableBlock(name)).toBe("default");
  expect(passedVariables({ [name]: "v" })).toEqual({});
  expect(passedVariables({ [name]: "v" }, [name])).toEqual({ [name]: "v" });
  expect(passedVariables({ [`_HERMES_FORCE_${name}`]: "v" })).toEqual({ [name]: "v" });
});

test.each(
  "HERMA_TOKEN HERMA_DRAIN_SECRET HERMES_DASHBOARD_DRAIN_SECRET GATEWAY_RELAY_ONE_KEY AUXILIARY_VISION_API_KEY herma_token".split(" "),
)("%s never passes", (name) => {
  expect(variableBlock(name)).toBe("never");
  expect(passedVariables({ [name]: "v", [`_HERMES_FORCE_${name}`]: "v", [`_HERMA_FORCE_${name}`]: "v" }, [name])).toEqual({});
});

test.each(
  "PATH HOME AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY HERMA_HOME HERMES_HOME MY_API_KEY SLACKER DISCORDIA_TOKEN LINES EMAIL LINE_COUNT TOKEN".split(
    " ",
  ),
)("%s passes", (name) => {
  expect(passedVariables({ [name]: "v" })).toEqual({ [name]: "v" });
});

test("a forced value wins over a plain one in either order, and its carrier is gone", () => {
  expect(passedVariables({ _HERMES_FORCE_GH_TOKEN: "forced", GH_TOKEN: "plain" }, ["GH_TOKEN"])).toEqual({ GH_TOKEN: "forced" });
  expect(passedVariables({ GH_TOKEN: "plain", _HERMA_FORCE_GH_TOKEN: "forced" }, ["GH_TOKEN"])).toEqual({ GH_TOKEN: "forced" });
});

test("[P23] pipes get quiet defaults, terminals do not, and what was given wins, except the mark", () => {
  const id = "proc_0123456789ab";
  const start = { given: {}, pass: [], id, terminal: false };
  expect(startVariables(start)).toEqual({
    HERMA_PROCESS_ID: id,
    PYTHONUNBUFFERED: "1",
    TERM: "dumb",
    NO_COLOR: "1",
    PAGER: "cat",
    GIT_PAGER: "cat",
  });
  expect(startVariables({ ...start, terminal: true })).toEqual({ HERMA_PROCESS_ID: id, PYTHONUNBUFFERED: "1" });
  const given = { TERM: "xterm", PYTHONUNBUFFERED: "", HERMA_PROCESS_ID: "proc_ffffffffffff", GH_TOKEN: "secret" };
  expect(startVariables({ ...start, given })).toMatchObject({ TERM: "xterm", PYTHONUNBUFFERED: "", HERMA_PROCESS_ID: id, PAGER: "cat" });
  expect(startVariables({ ...start, given })).not.toHaveProperty("GH_TOKEN");
  expect(startVariables({ ...start, given, pass: ["gh_token"] })).toHaveProperty("GH_TOKEN", "secret");
});

test("[peer 36] a keeper gets a login's variables and nothing of the client that starts it", () => {
  const own = {
    HOME: "/h",
    PATH: "/bin",
    LC_ALL: "C",
    LANG: undefined,
    HERMA_PROCESS_ID: "proc_0123456789ab",
    NODE_OPTIONS: "--inspect",
    SECRET: "s",
  };
  expect(keeperVariables(own)).toEqual({ HOME: "/h", PATH: "/bin", LC_ALL: "C" });
});
