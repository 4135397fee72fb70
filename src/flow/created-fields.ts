import type { Caller } from '../caller.ts'

/** What a new entity says of its making. `now` in milliseconds. */
export function createdFields(
  { tenant, userId, clientId }: Pick<Caller, 'tenant' | 'userId' | 'clientId'>,
  id: string,
  now: number,
) {
  return {
    id,
    createdAt: now,
    updatedAt: now,
    createdBy: userId,
    updatedBy: userId,
    createdClient: clientId,
    updatedClient: clientId,
    imsOrgId: tenant.orgId,
    sandboxId: tenant.sandboxId,
    sandboxName: tenant.sandboxName,
  }
}
