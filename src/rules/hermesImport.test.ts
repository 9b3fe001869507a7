import { expect, test } from "vitest";
import { configSchema, type SettingName, settingRefusal } from "../contract/index.ts";
import { type HermesFound, type ImportRow, planImport } from "./hermesImport.ts";
import { hermesSettings } from "./hermesSettings.ts";

const secret = "kD3v-9fQ2_xLw7RtYb1NcZ8mHs5JpGa4UeVo6TiX0Ay";

type Given = { config?: Record<string, unknown>; env?: Record<string, unknown>; environment?: Record<string, unknown> };

function plan(given: Given, stated: Record<string, unknown> = {}, force = false) {
  const found: HermesFound = {
    "config.yaml": new Map(Object.entries(given.config ?? {})),
    ".env": new Map(Object.entries(given.env ?? {})),
    environment: new Map(Object.entries(given.environment ?? {})),
  };
  return planImport(found, new Map(Object.entries(stated)), { force });
}

function only(given: Given, stated?: Record<string, unknown>, force?: boolean): ImportRow {
  const { rows } = plan(given, stated, force);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

test.for<[key: string, given: unknown, setting: string | null, value: unknown]>([
  ["agent.restart_drain_timeout", 90, "gateway.drain_timeout_seconds", 90],
  ["agent.restart_drain_timeout", " 1.5e1 ", "gateway.drain_timeout_seconds", 15],
  ["agent.restart_drain_timeout", 0, "gateway.drain_timeout_seconds", 0],
  ["terminal.daemon_term_grace_seconds", 2.5, "processes.grace_ms", 2500],
  ["terminal.daemon_term_grace_seconds", 0.0004, "processes.grace_ms", 0],
  ["terminal.timeout", "600", "tools.terminal_timeout_seconds", 600],
  ["security.redact_secrets", false, "redaction.enabled", false],
  ["security.redact_secrets", "Yes", "redaction.enabled", true],
  ["gateway.restart_loop_guard.max_restarts", -1, "gateway.restart_loop_boots", 0],
  ["gateway.restart_loop_guard.window_seconds", 60, "gateway.restart_loop_gap_seconds", 60],
  ["gateway.restart_loop_guard.max_gap_seconds", 300, "gateway.restart_loop_gap_seconds", 300],
])("%s: %j is %s: %j", ([key, given, setting, value]) => {
  expect(only({ config: { [key]: given } })).toMatchObject({ setting, value, outcome: "set", why: "", passedOver: [] });
});

test.for<[key: string, given: unknown, wanted: RegExp]>([
  ["agent.restart_drain_timeout", "soon", /not a number from 0 to 86400/],
  ["agent.restart_drain_timeout", -1, /not a number/],
  ["agent.restart_drain_timeout", true, /not a number/],
  ["agent.restart_drain_timeout", Number.POSITIVE_INFINITY, /not a number/],
  ["agent.restart_drain_timeout", [60], /not a number/],
  ["terminal.timeout", 601, /whole number from 1 to 600/],
  ["terminal.timeout", 0, /whole number from 1 to 600/],
  ["terminal.timeout", 1.5, /whole number/],
  ["terminal.daemon_term_grace_seconds", 1e9, /from 0 to 3600000 when multiplied by 1000/],
  ["security.redact_secrets", "perhaps", /true or false/],
  ["gateway.restart_loop_guard.max_restarts", 101, /0 to 100/],
  ["gateway.restart_loop_guard.window_seconds", 0, /1 to 86400/],
  ["display.background_process_notifications", "loud", /one of all/],
  ["session_reset.bg_process_max_age_hours", -1, /0 or more/],
])("%s: %j is told and left", ([key, given, wanted]) => {
  expect(only({ config: { [key]: given } })).toMatchObject({ value: null, outcome: "refused", why: expect.stringMatching(wanted) });
});

test("[compat 11] a variable goes before the config, and .env before the shell; a wrong one hides the next, as in the original", () => {
  const config = { "agent.restart_drain_timeout": 10 };
  const environment = { HERMES_RESTART_DRAIN_TIMEOUT: "20" };
  expect(only({ config, environment })).toMatchObject({
    value: 20,
    from: { place: "environment", name: "HERMES_RESTART_DRAIN_TIMEOUT" },
    passedOver: [{ place: "config.yaml", name: "agent.restart_drain_timeout" }],
  });
  expect(only({ config, environment, env: { HERMES_RESTART_DRAIN_TIMEOUT: "30" } })).toMatchObject({ value: 30, from: { place: ".env" } });
  expect(only({ config, environment: { HERMES_RESTART_DRAIN_TIMEOUT: "" } })).toMatchObject({ value: 10, passedOver: [] });
  expect(only({ config, environment: { HERMES_RESTART_DRAIN_TIMEOUT: "x" } })).toMatchObject({ outcome: "refused", value: null });
  expect(plan({ config: { "agent.restart_drain_timeout": null } }).rows).toEqual([]);
});

test("[compat 11] what herma.yaml says stays, unless it is to be replaced", () => {
  const given = { config: { "terminal.timeout": 60 } };
  const name = "tools.terminal_timeout_seconds";
  expect(only(given, { [name]: 60 })).toMatchObject({ outcome: "same" });
  expect(only(given, { [name]: 30 })).toMatchObject({ outcome: "kept", why: expect.stringContaining("has 30") });
  expect(only(given, { [name]: 30 }, true)).toMatchObject({ outcome: "set", why: expect.stringContaining("30") });
});

test("[compat 11] the drain secret is taken when it is strong, and shown to nobody", () => {
  const ours = { "gateway.drain_secret": `${secret}x` };
  for (const [row, outcome] of [
    [only({ env: { HERMES_DASHBOARD_DRAIN_SECRET: secret } }), "set"],
    [only({ env: { HERMES_DASHBOARD_DRAIN_SECRET: secret.slice(1) } }), "refused"],
    [only({ env: { HERMES_DASHBOARD_DRAIN_SECRET: secret } }, ours), "kept"],
    [only({ env: { HERMES_DASHBOARD_DRAIN_SECRET: secret } }, ours, true), "set"],
  ] as const) {
    expect(row).toMatchObject({ outcome, shown: "***", setting: "gateway.drain_secret" });
    expect(JSON.stringify({ ...row, value: null })).not.toContain(secret.slice(1));
  }
  expect(only({ env: { HERMES_DASHBOARD_DRAIN_SECRET: "short" } }).why).toContain("fewer than 43");
});

test("[compat 11] what nothing here uses is known; everything else is named, without values", () => {
  const token = `ghp_${"a1B2".repeat(9)}`;
  const { rows, others } = plan({
    config: { "display.background_process_notifications": false, "session_reset.bg_process_max_age_hours": 24, [`model.${token}`]: token },
    env: { OPENAI_API_KEY: token },
    environment: { PATH: "/bin", OPENAI_API_KEY: token },
  });
  expect(rows).toMatchObject([
    { setting: null, outcome: "unused", shown: "off" },
    { setting: null, outcome: "unused", shown: "24" },
  ]);
  expect(others).toMatchObject([{ place: ".env", name: "OPENAI_API_KEY" }, { place: "config.yaml" }]);
  expect(JSON.stringify(others)).not.toContain(token);
  // A secret in the wrong place.
  expect(only({ config: { "terminal.timeout": token } }).shown).not.toContain(token);
});

test("each known setting leads to one that is there, and says how", () => {
  for (const { setting, how, keys, variable } of hermesSettings) {
    if (setting !== null) expect(() => settingRefusal(setting, null)).not.toThrow();
    expect(how).toMatch(/\.$/);
    expect(keys.length + (variable === null ? 0 : 1)).toBeGreaterThan(0);
  }
  expect(() => settingRefusal("gateway.nothing" as SettingName, 1)).toThrow("no setting");
  expect(configSchema().parse({}).tools.terminal_timeout_seconds).toBe(180);
});
