import type { JsonObject } from '../json.ts'

/** `lastOperation` of an entity that was just created. Times are ms. */
export function createdOperation(now: number): JsonObject {
  return { started: now, updated: 0, operation: 'create' }
}

/** `lastOperation` after a change; changes here are synchronous, so it is complete at once. `ops` is the patch. */
export function completedOperation(
  operation: 'update' | 'publish' | 'enable' | 'disable',
  now: number,
  ops: readonly JsonObject[] = [],
): JsonObject {
  return {
    started: now,
    updated: now,
    percentCompleted: 100,
    status: { value: 'completed', errors: [] },
    ops,
    operation,
  }
}
