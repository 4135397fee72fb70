import { createHash } from 'node:crypto'

/**
 * The tenant name of an organisation: the same for ever, in every sandbox. Custom fields sit under `_{name}`, so it is a
 * name that needs no quotes in a mapping path.
 */
export function tenantNameOf(orgId: string): string {
  return `t${createHash('sha256').update(orgId).digest('hex').slice(0, 12)}`
}
