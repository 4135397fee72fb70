/** A promise of the product that a history breaks. */
export class HistoryFailure extends Error {}
