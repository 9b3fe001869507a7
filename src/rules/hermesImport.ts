import type { SettingName, SettingValue, StatedSettings } from "../contract/index.ts";
import { type HermesSetting, hermesSettings } from "./hermesSettings.ts";
import { createRedactor, type Redactor } from "./redaction.ts";

/** Where a setting of the original stands. Of several, the first of these counts: its `.env` goes before the variables it is started with. */
const hermesPlaces = [".env", "environment", "config.yaml"] as const;
export type HermesPlace = (typeof hermesPlaces)[number];
/** Names with their values: variables, or keys in dotted form. */
export type HermesFound = Readonly<Record<HermesPlace, ReadonlyMap<string, unknown>>>;
export type NamedIn = { readonly place: HermesPlace; readonly name: string };

/**
 * What becomes of one setting of the original.
 * - `set`: it is to be written; `same`: it stands in herma.yaml already.
 * - `kept`: herma.yaml has another value, which stays.
 * - `refused`: the value is not what is wanted. `unused`: it is known, and nothing here uses it yet.
 */
export type ImportOutcome = "set" | "same" | "kept" | "refused" | "unused";

export type ImportRow = {
  readonly setting: SettingName | null;
  readonly from: NamedIn;
  readonly outcome: ImportOutcome;
  /** In our unit; null when refused. */
  readonly value: SettingValue | null;
  /** The value for people: masked where it is a secret, as it was found when refused. */
  readonly shown: string;
  /** Why it is kept, refused or unused, or which value it replaces; else empty. */
  readonly why: string;
  /** Where else it stands, and does not count. */
  readonly passedOver: readonly NamedIn[];
};

export type ImportPlan = {
  readonly rows: readonly ImportRow[];
  /** What stands in the original's files besides: names alone, never a value. */
  readonly others: readonly NamedIn[];
};

const shownMax = 60;
const masked = "***";
/** Made when it is first needed: every command loads this room. */
let redactor: Redactor | null = null;

/**
 * What is taken from the original's settings into a herma.yaml in which `stated` stands. A value there stays, unless `force`. Of a setting that
 * stands in several places the first counts, also when its value is wrong: the original would not fall back to the next one either.
 */
export function planImport(found: HermesFound, stated: StatedSettings, { force }: { readonly force: boolean }): ImportPlan {
  const rows: ImportRow[] = [];
  for (const setting of hermesSettings) {
    const [first, ...passedOver] = placesOf(setting, found);
    if (first !== undefined) rows.push(rowOf({ setting, first, passedOver }, stated, force));
  }
  return { rows, others: othersIn(found) };
}

type Place = NamedIn & { readonly value: unknown };
type Sought = { readonly setting: HermesSetting; readonly first: Place; readonly passedOver: readonly Place[] };

/** Where it stands with a value, the one that counts first. An empty variable is one that is not set. */
function placesOf({ keys, variable }: HermesSetting, found: HermesFound): Place[] {
  return hermesPlaces
    .flatMap((place) => (place === "config.yaml" ? keys : variable === null ? [] : [variable]).map((name) => ({ place, name })))
    .map((named) => ({ ...named, value: found[named.place].get(named.name) }))
    .filter(({ value }) => value !== undefined && value !== null && value !== "");
}

function rowOf({ setting, first, passedOver }: Sought, stated: StatedSettings, force: boolean): ImportRow {
  const { value, wants } = setting.convert(first.value);
  const hidden = setting.secret === true;
  const shown = hidden ? masked : shownText(value ?? first.value);
  const row = {
    setting: setting.setting,
    from: { place: first.place, name: first.name },
    value,
    shown,
    passedOver: passedOver.map(({ place, name }) => ({ place, name })),
  };
  if (value === null) return { ...row, outcome: "refused", why: `it is not ${wants}` };
  if (setting.setting === null) return { ...row, outcome: "unused", why: "nothing here uses it yet" };
  const there = stated.get(setting.setting);
  if (there === value) return { ...row, outcome: "same", why: "" };
  const has = hidden ? "another" : shownText(there);
  if (there === undefined) return { ...row, outcome: "set", why: "" };
  if (force) return { ...row, outcome: "set", why: `in the place of ${has}` };
  return { ...row, outcome: "kept", why: `herma.yaml has ${has}, which stays without --force` };
}

/** A value on one line, short, and without what looks like a secret: somebody may have put one into the wrong place. */
function shownText(value: unknown): string {
  const group = typeof value === "object" && value !== null;
  redactor ??= createRedactor({ enabled: true });
  const safe = redactor.text(group ? (Array.isArray(value) ? "a list" : "a group of keys") : String(value));
  return safe.length > shownMax ? `${safe.slice(0, shownMax)}…` : safe;
}

function othersIn(found: HermesFound): NamedIn[] {
  const known = new Set(hermesSettings.flatMap(({ keys, variable }) => (variable === null ? keys : [...keys, variable])));
  // Nobody wants to hear of every variable of the shell.
  const places = hermesPlaces.filter((place) => place !== "environment");
  return places.flatMap((place) =>
    [...found[place].keys()].filter((name) => !known.has(name)).map((name) => ({ place, name: shownText(name) })),
  );
}
