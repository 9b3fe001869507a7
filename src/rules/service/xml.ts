/** A text as XML holds it. Control characters have no form there. */
export function xmlText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "?");
}
