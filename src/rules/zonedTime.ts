/** Epoch milliseconds of an ISO 8601 text that states its offset, else null: a naive time could mean any moment of a day. */
export function zonedMomentMs(text: unknown): number | null {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d.*(?:Z|[+-]\d\d:?\d\d)$/.test(text)) return null;
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? null : moment;
}
