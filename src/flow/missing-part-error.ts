/** A run cannot start because something that it needs is missing. The message names it. */
export class MissingPartError extends Error {}
