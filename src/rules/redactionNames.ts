import { isMasked, maskedAt, type Span } from "./redactionMask.ts";

/** Words of a name that say what it holds is secret, wherever in the name they stand. */
const secretWords = new Set(
  "password passwd passphrase passcode secret secrets token credential credentials apikey authtoken accesstoken jwt cookie privatekey secretkey".split(
    " ",
  ),
);
/** Words that say so at the end of a name alone. */
const secretEndings = new Set(["pass", "pwd", "auth", "dsn", "pat", "psk", "pin", "otp"]);
/** A name that ends in `key` holds a secret unless one of these stands in front of it. */
const plainKeys = new Set(
  "public primary foreign sort cache partition hot row unique index group sub registry config map object route shortcut short cut home page arrow host known lookup".split(
    " ",
  ),
);
/** Endings that make the name speak about a secret: how long it is, where it lies. */
const aboutWords = new Set(
  "count counts type types limit limits length len size max min name names file files path paths dir folder expires expiry expiration ttl age policy enabled required usage used budget total rate id url uri endpoint hash algorithm version provider manager store helper sock socket".split(
    " ",
  ),
);

/** Whether what stands under this name is a secret: a variable, a key of JSON or YAML, an option of a command. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1);
  if (last === undefined || name === "PWD" || name === "OLDPWD" || aboutWords.has(last)) return false;
  if (words.some((word) => secretWords.has(word))) return true;
  if (words.length > 1 && secretEndings.has(last)) return true;
  if (last !== "key") return name.toLowerCase() === "pwd" || name.toLowerCase() === "pass";
  const before = words.at(-2);
  return before !== undefined && !plainKeys.has(before);
}

function wordsOf(name: string): string[] {
  return name
    .slice(0, 128)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

const plainValue =
  /^(?:\d{1,5}|\d+(?:\.\d+)?(?:ms|s|m|h|d|k|kb|mb)?|true|false|yes|no|on|off|null|none|nil|undefined|required|optional|string|number|bearer|basic|token|[*.…-]+)$/i;
/** What a shell or a template puts in later, and places in the file system. */
const referenceValue = /^(?:[$<]|\{\{|%[A-Z_]+%$|\/[\w.-]+\/|~\/|\.\.?\/)/;

/** Numbers, switches, names of other variables and places are no secrets, whatever name they stand under. */
export function canBeSecret(value: string): boolean {
  return value !== "" && !isMasked(value) && !plainValue.test(value) && !referenceValue.test(value);
}

/** `dump`: what a program prints of its variables and settings. `command`: a command line, of which words are whole. */
export type AssignmentStyle = "dump" | "command";

/** A name, what stands between, and where its value starts. Names are short; a longer run of letters is none. */
const assignment = /(?<![A-Za-z0-9_.$-])(?:["']?)([A-Za-z_][A-Za-z0-9_.-]{1,100})(["']?[ \t]{0,16}(?:=>|:=|[:=])[ \t]{0,16})/g;
const option = /(?<![^\s"'(=;|&])--?([A-Za-z][A-Za-z0-9-]{1,60})(=|[ \t]{1,8})/g;

/** Passwords whose option does not say so: `curl -u name:password`, `sshpass -p password`, `mysql -ppassword`. */
const plainOptions: readonly RegExp[] = [
  /(?<![^\s"'(=;|&])(?:-u|-U|--user|--proxy-user)(?:=|[ \t]{1,8})["']?[^\s:"'/]{1,128}:(?<secret>[^\s"'/|;&]+)/g,
  /(?<![^\s"'(=;|&])sshpass[ \t]{1,8}-p[ \t]{0,8}["']?(?<secret>[^\s"']+)/g,
  /(?<![^\s"'(=;|&])(?:mysql|mysqldump|mysqladmin|mariadb)[ \t](?:[^|;&\n]{0,256}[ \t])?-p(?<secret>[^\s"'|;&]+)/g,
];

/** Values that stand under secret names. */
export function assignmentSpans(text: string, style: AssignmentStyle): Span[] {
  const spans: Span[] = [];
  const add = (value: { from: number; text: string } | null): void => {
    if (value !== null && canBeSecret(value.text)) spans.push(maskedAt(value.from, value.text));
  };
  for (const pattern of style === "command" ? [assignment, option] : [assignment]) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const [whole, name = "", between = ""] = match;
      if (!isSecretName(name)) continue;
      const value = valueAt(text, match.index + whole.length, style === "dump" && runsOn(text, match.index, between));
      add(value);
      // What stands in a value is part of it; looking there again would make long lines slow.
      if (value !== null) pattern.lastIndex = value.from + value.text.length;
    }
  }
  if (style === "dump") return spans;
  for (const pattern of plainOptions) {
    for (const match of text.matchAll(pattern)) {
      const secret = match.groups?.secret ?? "";
      add({ from: match.index + match[0].length - secret.length, text: secret });
    }
  }
  return spans;
}

/** At the start of a line a value without quotes may hold blanks, as in what `env` prints. */
function runsOn(text: string, at: number, between: string): boolean {
  if (between !== "=" && !/^:[ \t]/.test(between)) return false;
  const before = text.slice(Math.max(0, at - 64), at);
  const lineStart = before.lastIndexOf("\n") + 1;
  if (lineStart === 0 && at > 64) return false;
  return /^[ \t-]*(?:(?:export|declare|typeset|readonly|set)[ \t]+(?:-[a-zA-Z-]+[ \t]+)*)?["']?$/.test(before.slice(lineStart));
}

const quoted = { '"': /"((?:[^"\\\n]|\\.)*)/y, "'": /'([^'\n]*)/y } as const;
const toLineEnd = /[^\r\n]*/y;
const oneWord = /(?:[^\s"'`,;|&<>(){}[\]\\]|\\(?![nrt]).)+/y;

function valueAt(text: string, at: number, wholeLine: boolean): { from: number; text: string } | null {
  const quote = text[at];
  if (quote === '"' || quote === "'") {
    const inner = matchAt(quoted[quote], text, at);
    return inner === null ? null : { from: at + 1, text: inner.slice(1) };
  }
  const found = matchAt(wholeLine ? toLineEnd : oneWord, text, at);
  return found === null ? null : { from: at, text: found.trimEnd() };
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}
