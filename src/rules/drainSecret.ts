/** A secret of random bytes in base64url: 43 characters are 256 bits. */
const charactersMin = 43;
const charactersMax = 512;
/** Random text of that length has about 31 different characters; one with fewer than this was typed, or repeats itself. */
const differentMin = 16;

/**
 * Why a text is too weak to be the secret that may drain a gateway, or null when it is fit. A weak secret could be guessed, so it is refused.
 */
export function drainSecretWeakness(secret: string): string | null {
  if (secret.length < charactersMin) return `it has fewer than ${charactersMin} characters`;
  if (secret.length > charactersMax) return `it has more than ${charactersMax} characters`;
  if (!/^[A-Za-z0-9_-]+$/.test(secret)) return "it has characters besides letters, digits, - and _";
  if (new Set(secret).size < differentMin) return `it has fewer than ${differentMin} different characters`;
  if (repeats(secret)) return "it repeats itself";
  return null;
}

/** Whether a text is a shorter one repeated, the last time perhaps cut. */
function repeats(text: string): boolean {
  for (let length = 1; length <= text.length / 2; length += 1) {
    if (text.startsWith(text.slice(length))) return true;
  }
  return false;
}
