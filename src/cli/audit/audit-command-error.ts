/** The flow cannot be audited; the message says why, and what to do. */
export class AuditCommandError extends Error {}
