import { mask, maskedAt, type Span } from "./redactionMask.ts";
import { wordStart } from "./redactionVendors.ts";

/**
 * Secrets that are recognised by their surroundings: headers, addresses, connection strings, web tokens. Every pattern is anchored at something
 * that its own greedy part cannot contain, so each character is looked at a bounded number of times.
 */
type Shape = {
  /** A text without any of these has no such secret. They are looked for first, because most texts have none. */
  readonly needs: readonly string[];
  /** The group `secret` is masked; without one, the whole match. */
  readonly pattern: RegExp;
  /** Whether what stands there can be a secret at all. */
  readonly judge?: (secret: string) => boolean;
};

const hasDigit = (text: string): boolean => /\d/.test(text);
/** Prose and settings (`Authorization: required`) have neither digits nor capitals inside of words. */
const isOpaque = (text: string): boolean => /\d|[a-z][A-Z]|[A-Z]{2}/.test(text) || text.length > 24;
/** Source code: names joined by dots, or called, or a short one alone. */
const isCode = (text: string): boolean =>
  /^!?[A-Za-z_$]+(?:(?:\.[A-Za-z_$]+)+|\(.*);?$/.test(text) || (text.length < 20 && /^[A-Za-z_$]+;?$/.test(text));
const isReference = (text: string): boolean => /^(?:\$|<|\[|\{\{|%[A-Z])/.test(text);

const strongParameters =
  "access[_-]?token|refresh[_-]?token|id[_-]?token|auth[_-]?token|token|api[_-]?key|apikey|client[_-]?secret|secret|password|passwd|pwd|jwt|x-amz-signature|x-amz-security-token|x-goog-signature";
/** Short values of these are mostly no secrets: `code=404`, `key=name`. */
const weakParameters = "auth|code|key|session|session[_-]?id|sid|sig|signature|state|ticket|nonce";

const shapes: readonly Shape[] = [
  {
    needs: ["uthorization"],
    pattern:
      /(?<![A-Za-z_])authorization["']?[ \t]{0,8}[:=][ \t]{0,8}["']?(?:basic|bearer|token|apikey|negotiate|aws4-hmac-sha256|digest|key|bot)[ \t]{1,8}(?<secret>[^\s"'\\,;]{6,})/gi,
    judge: (secret) => isOpaque(secret) && !isReference(secret),
  },
  {
    needs: ["uthorization"],
    pattern: /(?<![A-Za-z_])authorization["']?[ \t]{0,8}:[ \t]{0,8}["']?(?<secret>[^\s"'\\,;]{6,})/gi,
    judge: (secret) => isOpaque(secret) && !isReference(secret) && !isCode(secret),
  },
  {
    needs: ["earer", "EARER"],
    pattern: /(?<![A-Za-z0-9])bearer[ \t]{1,8}(?<secret>[A-Za-z0-9._~+/=-]{12,})/gi,
    judge: hasDigit,
  },
  {
    needs: ["-key", "-Key", "-KEY", "-token", "-Token", "-TOKEN", "-secret", "-Secret"],
    pattern:
      /(?<![A-Za-z0-9-])(?:x-)?(?:[a-z]{2,20}-)?(?:api-key|api-token|auth-key|auth-token|access-token|private-token|job-token|deploy-token|security-token|csrf-token|vault-token|client-secret)["']?[ \t]{0,8}:[ \t]{0,8}["']?(?<secret>[^\s"'\\,;]{6,})/gi,
    judge: (secret) => !isReference(secret),
  },
  {
    needs: ["://"],
    pattern: /:\/\/[^\s:@/?#"'<>]{0,256}:(?<secret>[^\s@/"'<>]+)@/g,
    judge: (secret) => !isReference(secret),
  },
  {
    // A token in the place of the name.
    needs: ["://"],
    pattern: /:\/\/(?<secret>[^\s:@/?#"'<>]{16,})@/g,
    judge: hasDigit,
  },
  {
    needs: ["?", "&"],
    pattern: new RegExp(`[?&](?:${strongParameters})=(?<secret>[^\\s&#"'<>\\\\]+)`, "gi"),
    judge: (secret) => !isReference(secret),
  },
  {
    needs: ["?", "&"],
    pattern: new RegExp(`[?&](?:${weakParameters})=(?<secret>[^\\s&#"'<>\\\\]{8,})`, "gi"),
    judge: (secret) => !isReference(secret),
  },
  {
    // Header, claims, and mostly a signature; encrypted ones have five parts.
    needs: ["eyJ"],
    pattern:
      /(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,16}m))eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}/g,
  },
  {
    // Connection strings of databases: `Server=…;Password=…`.
    needs: [";p", ";P", "; p", "; P"],
    pattern: /;[ \t]{0,4}(?:password|pwd)[ \t]{0,4}=[ \t]{0,4}(?<secret>[^\s;"'$<]+)/gi,
  },
  {
    // Names that mean a secret whatever stands around them.
    needs: ["_access_key", "_ACCESS_KEY", "SecretAccessKey", "_session_token", "_SESSION_TOKEN", "SessionToken", "_auth", "_password"],
    pattern: new RegExp(
      `(?:aws_secret_access_key|aws_session_token|SecretAccessKey|SessionToken|${wordStart}_authToken|:_auth|:_password)["']?[ \\t]{0,8}[:=][ \\t]{0,8}["']?(?<secret>[^\\s"'\\\\,;]{8,})`,
      "gi",
    ),
    judge: (secret) => !isReference(secret),
  },
];

/** Secrets in headers, addresses and the like. */
export function shapeSpans(text: string): Span[] {
  const spans: Span[] = [];
  for (const shape of shapes) {
    if (!shape.needs.some((needed) => text.includes(needed))) continue;
    for (const match of text.matchAll(shape.pattern)) {
      const secret = match.groups?.secret;
      if (secret === undefined) spans.push(maskedAt(match.index, match[0]));
      else if (mask(secret) !== secret && (shape.judge?.(secret) ?? true)) {
        // Behind the secret stands one closing character at most, and nothing of it stands there again.
        const from = match.index + match[0].lastIndexOf(secret);
        spans.push(maskedAt(from, secret));
      }
    }
  }
  return [...spans, ...cookieSpans(text)];
}

/** Of a cookie's pairs, values that are long enough to be a session. */
function cookieSpans(text: string): Span[] {
  const spans: Span[] = [];
  if (!text.includes("ookie:")) return spans;
  for (const header of text.matchAll(/(?<![A-Za-z])(?:set-)?cookie:[^\r\n]*/gi)) {
    for (const pair of header[0].matchAll(/(?<==)[^\s;,"'\\=]{16,}/g)) spans.push(maskedAt(header.index + pair.index, pair[0]));
  }
  return spans;
}
