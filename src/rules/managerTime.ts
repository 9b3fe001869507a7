const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
/** As systemd counts them: a year of 365.25 days, a month of a twelfth of it. */
const year = 365.25 * day;

/** Microseconds of every unit that systemd reads or prints. `M` is a month and `m` a minute, so case counts. */
const unitsUs: Readonly<Record<string, number>> = {
  us: 1,
  usec: 1,
  // The micro sign, and the Greek letter that looks like it.
  "\u00b5s": 1,
  "\u03bcs": 1,
  ms: 1000,
  msec: 1000,
  "": second,
  s: second,
  sec: second,
  second,
  seconds: second,
  m: minute,
  min: minute,
  minute,
  minutes: minute,
  h: hour,
  hr: hour,
  hour,
  hours: hour,
  d: day,
  day,
  days: day,
  w: 7 * day,
  week: 7 * day,
  weeks: 7 * day,
  M: year / 12,
  month: year / 12,
  months: year / 12,
  y: year,
  year,
  years: year,
};

/** A longer text is no duration. */
const charactersMax = 200;
const part = /^\s*(\d{1,20}(?:\.\d{1,20})?)\s*([A-Za-z\u00b5\u03bc]*)/;

/**
 * Reads a duration as a service manager prints or takes it (`1min 30s`, `90s`, `500ms`, `infinity`, systemd.time(7)). Whole digits alone
 * are microseconds, as its properties are on the bus (hermes F16); in a unit file they would be seconds. Returns milliseconds, fractional,
 * `Infinity` for no limit, null for what is no duration.
 */
export function parseManagerTime(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > charactersMax) return null;
  if (trimmed === "infinity") return Number.POSITIVE_INFINITY;
  if (/^\d+$/.test(trimmed)) return unlimited.has(trimmed) ? Number.POSITIVE_INFINITY : Number(trimmed) / 1000;
  let sumUs = 0;
  for (let rest = trimmed; rest !== ""; ) {
    const match = part.exec(rest);
    const unit = match === null ? undefined : Object.hasOwn(unitsUs, match[2]!) ? unitsUs[match[2]!] : undefined;
    if (match === null || unit === undefined) return null;
    sumUs += Number(match[1]) * unit;
    rest = rest.slice(match[0].length).trimEnd();
  }
  return sumUs / 1000;
}

/** "No limit" as a number: all bits set. */
const unlimited: ReadonlySet<string> = new Set(["18446744073709551615"]);
