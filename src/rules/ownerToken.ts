/** Letters of base64url, enough of them that guessing is hopeless. */
const tokenPattern = /^[A-Za-z0-9_-]{32,256}$/;

/** Whether a text can be an owner's token. No gateway starts on a file that holds anything else. */
export function isOwnerToken(text: string): boolean {
  return tokenPattern.test(text);
}
