/** Bytes a token of output takes, on average; what counts tokens exactly depends on the model. */
export const bytesPerToken = 4;
/** What a read for a model shows when it does not say how much. */
export const tokensDefault = 2000;
/** The most it can ask for. */
export const tokensMax = 10_000;

/** Tokens that this many bytes of text take, rounded up. */
export function tokensOf(bytes: number): number {
  return Math.ceil(Math.max(0, bytes) / bytesPerToken);
}

/**
 * Bytes a read for a model may show: from a budget in tokens, in bytes, or in both (the smaller one counts), at least 1 token and at most
 * 10,000. A budget that is no number counts as none.
 */
export function budgetBytes(budget: { readonly maxTokens?: number | undefined; readonly maxBytes?: number | undefined } = {}): number {
  const asked = [finite(budget.maxTokens, bytesPerToken), finite(budget.maxBytes, 1)].filter((bytes) => bytes !== null);
  const bytes = asked.length === 0 ? tokensDefault * bytesPerToken : Math.min(...asked);
  return Math.min(Math.max(Math.floor(bytes), bytesPerToken), tokensMax * bytesPerToken);
}

function finite(value: number | undefined, unit: number): number | null {
  return value === undefined || Number.isNaN(value) ? null : value * unit;
}
