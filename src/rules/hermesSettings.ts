import { type SettingName, type SettingValue, settingRefusal } from "../contract/index.ts";
import { drainSecretWeakness } from "./drainSecret.ts";

/** A value of the original's as ours, or what it would have to be. */
export type Converted = { readonly value: SettingValue; readonly wants: null } | { readonly value: null; readonly wants: string };

/** A setting of the original that we know. */
export type HermesSetting = {
  /** Its keys in config.yaml, the one that goes before the others first. */
  readonly keys: readonly string[];
  /** Its variable, which goes before the keys. */
  readonly variable: string | null;
  /** Ours; null where nothing here uses it yet. */
  readonly setting: SettingName | null;
  /** How its value becomes ours, for people. */
  readonly how: string;
  readonly convert: (value: unknown) => Converted;
  /** Its value is shown to nobody. */
  readonly secret?: true;
};

/** What is known of the original's settings. A value that is not what is wanted is told and left alone. */
export const hermesSettings: readonly HermesSetting[] = [
  {
    keys: ["agent.restart_drain_timeout"],
    variable: "HERMES_RESTART_DRAIN_TIMEOUT",
    setting: "gateway.drain_timeout_seconds",
    how: "Seconds, as they are. 0 waits for nobody, as in its newer versions.",
    convert: numberBy("gateway.drain_timeout_seconds", (seconds) => seconds),
  },
  {
    keys: [],
    variable: "HERMES_DASHBOARD_DRAIN_SECRET",
    setting: "gateway.drain_secret",
    how: "As it is, if it is strong enough to let anybody in here.",
    convert: drainSecret,
    secret: true,
  },
  {
    keys: ["gateway.restart_loop_guard.max_restarts"],
    variable: null,
    setting: "gateway.restart_loop_boots",
    how: "A count, as it is; below 0 is 0: never.",
    convert: numberBy("gateway.restart_loop_boots", (count) => Math.max(0, count)),
  },
  {
    keys: ["gateway.restart_loop_guard.max_gap_seconds", "gateway.restart_loop_guard.window_seconds"],
    variable: null,
    setting: "gateway.restart_loop_gap_seconds",
    how: "Seconds, as they are. A window for all starts becomes the longest gap between two: what was a loop is one here, and slower ones are as well.",
    convert: numberBy("gateway.restart_loop_gap_seconds", (seconds) => seconds),
  },
  {
    keys: ["terminal.daemon_term_grace_seconds"],
    variable: null,
    setting: "processes.grace_ms",
    how: "Seconds become milliseconds. 0 sends TERM only, in both.",
    convert: numberBy("processes.grace_ms", (seconds) => Math.round(seconds * 1000), 1000),
  },
  {
    keys: ["terminal.timeout"],
    variable: "TERMINAL_TIMEOUT",
    setting: "tools.terminal_timeout_seconds",
    how: "Seconds, as they are.",
    convert: numberBy("tools.terminal_timeout_seconds", (seconds) => seconds),
  },
  {
    keys: ["security.redact_secrets"],
    variable: "HERMES_REDACT_SECRETS",
    setting: "redaction.enabled",
    how: "On or off, in any of the words for it.",
    convert: onOrOff,
  },
  {
    keys: ["display.background_process_notifications"],
    variable: "HERMES_BACKGROUND_NOTIFICATIONS",
    setting: null,
    how: "Which news of a process a conversation is told: nothing here has conversations yet.",
    convert: noticeMode,
  },
  {
    keys: ["session_reset.bg_process_max_age_hours"],
    variable: null,
    setting: null,
    how: "How old a process may be that keeps a conversation open: nothing here has conversations yet.",
    convert: (value) => {
      const hours = numberOf(value);
      return hours === null || hours < 0 ? wants("a number of 0 or more") : found(hours);
    },
  },
];

function found(value: SettingValue): Converted {
  return { value, wants: null };
}

function wants(what: string): Converted {
  return { value: null, wants: what };
}

/** Takes numbers, also as text, that the setting takes when converted; `factor` is what a number of theirs is multiplied by. */
function numberBy(setting: SettingName, convert: (given: number) => number, factor = 1): (value: unknown) => Converted {
  return (value) => {
    const given = numberOf(value);
    const converted = given === null ? null : convert(given);
    const refusal = settingRefusal(setting, converted);
    if (refusal === null && converted !== null) return found(converted);
    return wants(factor === 1 ? (refusal ?? "") : `${refusal} when multiplied by ${factor}`);
  };
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(value)) return null;
  const read = Number(value);
  return Number.isFinite(read) ? read : null;
}

function onOrOff(value: unknown): Converted {
  const word = String(value).trim().toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return found(true);
  if (["false", "0", "no", "off"].includes(word)) return found(false);
  return wants("true or false");
}

function noticeMode(value: unknown): Converted {
  const word = value === false ? "off" : String(value).trim().toLowerCase();
  const modes = ["all", "concise", "result", "error", "off"];
  return modes.includes(word) ? found(word) : wants(`one of ${modes.join(", ")}`);
}

function drainSecret(value: unknown): Converted {
  const secret = String(value).trim();
  const weakness = drainSecretWeakness(secret);
  return weakness === null ? found(secret) : wants(`strong enough: ${weakness}`);
}
