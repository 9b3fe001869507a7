import { maskedAt, type Span } from "./redactionMask.ts";

/**
 * What services put before their tokens. Each line is a prefix and the least that follows it; the rest of the token is matched greedily, and nothing
 * has to follow it, so that one pass is enough for any text.
 */
const word = "[A-Za-z0-9]";
const wordy = "[A-Za-z0-9_-]";

/** Prefixes that nothing else begins with: they count wherever they stand, even inside of a longer word. */
const distinct: readonly (readonly [prefix: string, least: string])[] = [
  // Code hosts.
  ["gh[pousr]_", "[A-Za-z0-9_]{10,}"],
  ["github_pat_", "[A-Za-z0-9_]{10,}"],
  ["gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-", `${wordy}{10,}`],
  ["GR1348941", `${wordy}{10,}`],
  ["AT(?:ATT|CTT|BB)[A-Za-z0-9]", "[A-Za-z0-9_=-]{16,}"],
  // Chat.
  ["xox[abcdeoprs]-", "[A-Za-z0-9.-]{10,}"],
  ["xapp-", "[A-Za-z0-9-]{10,}"],
  ["hooks\\.slack\\.com/(?:services|workflows|triggers)/", "[A-Za-z0-9/_-]{16,}"],
  ["discord(?:app)?\\.com/api/webhooks/", "[0-9]{5,}/[A-Za-z0-9_-]{16,}"],
  // Models and what agents use.
  ["sk-(?:ant|proj|svcacct|admin|or|lf)-", `${wordy}{10,}`],
  ["AIza", `${wordy}{30,}`],
  ["GOCSPX-", `${wordy}{16,}`],
  ["ya29\\.", "[A-Za-z0-9_.-]{16,}"],
  ["nvapi-", `${wordy}{16,}`],
  ["pplx-", `${word}{16,}`],
  ["tvly-", `${wordy}{10,}`],
  ["gsk_", `${word}{16,}`],
  ["xai-", `${word}{20,}`],
  ["csk-", `${word}{20,}`],
  ["lsv2_(?:pt|sk)_", "[A-Za-z0-9_]{16,}"],
  ["tgp_v1_", `${wordy}{16,}`],
  ["bb_live_", `${wordy}{10,}`],
  ["pcsk_", "[A-Za-z0-9_]{16,}"],
  ["api_org_", `${word}{16,}`],
  // Clouds and hosts.
  ["dop_v1_", `${word}{16,}`],
  ["do[or]_v1_", `${word}{16,}`],
  ["hv[bsr]\\.", `${wordy}{16,}`],
  ["dp\\.(?:pt|st|ct|sa|scim|audit)\\.", "[A-Za-z0-9._-]{16,}"],
  ["tskey-", `${wordy}{10,}`],
  ["fo1_", `${wordy}{20,}`],
  ["fm[12][ar]?_", "[A-Za-z0-9+/_=-]{20,}"],
  ["FlyV1 fm", "[A-Za-z0-9+/_=,-]{20,}"],
  ["sbp_", `${word}{20,}`],
  ["sb_secret_", `${wordy}{16,}`],
  ["pscale_(?:tkn|pw|oauth)_", "[A-Za-z0-9_.=-]{16,}"],
  ["dapi", "[a-f0-9]{32,}(?:-[0-9])?"],
  ["HRKU-", `${wordy}{16,}`],
  ["vc[acikpr]_", `${word}{24,}`],
  ["vercel_blob_rw_", `${word}{16,}`],
  ["nfp_", `${word}{20,}`],
  ["cfut_", `${word}{20,}`],
  ["pul-", "[a-f0-9]{32,}"],
  ["SharedAccessKey=", "[A-Za-z0-9+/=]{16,}"],
  ["AccountKey=", "[A-Za-z0-9+/=]{16,}"],
  // Packages and builds.
  ["npm_", `${word}{30,}`],
  ["pypi-AgE", `${wordy}{16,}`],
  ["rubygems_", "[a-f0-9]{32,}"],
  ["dckr_(?:pat|oat)_", `${wordy}{16,}`],
  ["CLOJARS_", `${word}{30,}`],
  // Money, mail, telephones.
  ["[sr]k_(?:live|test)_", "[A-Za-z0-9_]{10,}"],
  ["whsec_", "[A-Za-z0-9+/=_-]{16,}"],
  ["sq0(?:atp|csp)-", `${wordy}{16,}`],
  ["shippo_(?:live|test)_", "[a-f0-9]{20,}"],
  ["shp(?:at|ca|pa|ss|ua|tka)_", `${word}{16,}`],
  ["FLWSECK(?:_TEST)?-", `${word}{12,}`],
  ["duffel_(?:live|test)_", `${wordy}{16,}`],
  ["EZ[AT]K", `${word}{50,}`],
  ["xkeysib-", `${wordy}{30,}`],
  ["SG\\.", "[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}"],
  // Work.
  ["lin_(?:api|oauth)_", `${word}{16,}`],
  ["ntn_", `${word}{20,}`],
  ["fig[doruh]_", `${wordy}{20,}`],
  ["PMAK-", `${wordy}{20,}`],
  ["NRA[KAL]-", "[A-Z0-9]{16,}"],
  ["gl(?:sa|c)_", "[A-Za-z0-9+/=_-]{20,}"],
  ["sntry[su]_", "[A-Za-z0-9+/=_-]{20,}"],
  ["tfp_", `${wordy}{20,}`],
  ["CFPAT-", `${wordy}{20,}`],
  ["rdme_", `${word}{30,}`],
  ["pnu_", `${word}{30,}`],
  ["pat[A-Za-z0-9]{14}\\.", "[a-f0-9]{40,}"],
  ["ops_eyJ", "[A-Za-z0-9+/=_-]{40,}"],
  ["AGE-SECRET-KEY-1", "[A-Z0-9]{20,}"],
];

/** Prefixes short or plain enough to begin other things: they count at the start of a word alone. */
const plain: readonly (readonly [prefix: string, least: string])[] = [
  ["A(?:KIA|SIA|BIA|CCA)", "[A-Z0-9]{16,}"],
  // Words joined by hyphens have no digits; keys have.
  ["sk-", `(?=[A-Za-z0-9_-]{0,48}[0-9])${wordy}{16,}`],
  ["sk_", "[a-f0-9]{40,}"],
  ["hf_", `${word}{20,}`],
  ["r8_", `${word}{20,}`],
  ["fc-", "[a-f0-9]{20,}"],
  ["fw_", `${word}{20,}`],
  ["am_", "[a-f0-9]{40,}"],
  ["pa-", `(?=[A-Za-z0-9_-]{0,48}[0-9])${wordy}{32,}`],
  ["sl\\.", `(?=[A-Za-z0-9_-]{0,48}[0-9])${wordy}{40,}`],
  ["secret_", `${word}{40,}`],
  ["key-", "[a-f0-9]{32}"],
  ["SK", "[a-f0-9]{32}(?![A-Za-z0-9])"],
  ["EAA", `(?=[A-Za-z0-9]{0,64}[0-9])${word}{60,}`],
  ["aio_", `${word}{24,}`],
  ["[0-9]{8,10}:A[A-Za-z0-9_-]", `${wordy}{32,}`],
  ["[MNO][A-Za-z0-9_-]{22,28}\\.", `${wordy}{6}\\.${wordy}{27,}`],
];

/**
 * Where a word starts, for {@link plain}: behind what is no letter or digit, and behind an escape that ends in one (a line break written as
 * `\n` in JSON, a `%3D` of an address, a colour).
 */
export const wordStart = "(?:(?<![A-Za-z0-9])|(?<=\\\\[bfnrt]|%[0-9A-Fa-f]{2}|\\x1b\\[[0-9;]{0,16}m))";

const alternatives = (rows: readonly (readonly [string, string])[]): string => rows.map((row) => row.join("")).join("|");

/** Every token has this many such characters in a row. Most short commands and paths do not, so the finder need not be made for them. */
const tokenLike = /[A-Za-z0-9_=+-]{14}/;
let finder: RegExp | null = null;
let opener: RegExp | null = null;

/** Tokens that their prefix gives away. */
export function vendorSpans(text: string): Span[] {
  if (!tokenLike.test(text)) return [];
  finder ??= new RegExp(`${alternatives(distinct)}|${wordStart}(?:${alternatives(plain)})`, "g");
  const spans: Span[] = [];
  for (const match of text.matchAll(finder)) spans.push(maskedAt(match.index, match[0]));
  return spans;
}

/** So many characters of a token whose rest has not arrived yet may be shown: hardly more than its prefix. */
const shownAnyway = 6;

/** A token that begins at the very end of a text of which more will come. */
export function openSpan(text: string): Span | null {
  const start = Math.max(0, text.length - 64);
  const tail = text.slice(start);
  opener ??= new RegExp(`(?:${distinct.map(([prefix]) => prefix).join("|")}|${wordStart}(?:sk-|hf_|r8_|AKIA|ASIA))[A-Za-z0-9_-]*$`);
  const match = opener.exec(tail);
  if (match === null || match[0].length <= shownAnyway) return null;
  return { from: start + match.index, to: text.length, shown: "***" };
}
