import { expect, test } from '@jest/globals'
import { findEntity, insertEntity, rewriteEntity } from '../../src/flow/entity.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'

const CALLER = {
  tenant: { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 'sandbox-1' },
  userId: 'user',
  clientId: 'client',
  requestId: 'request',
}
const context = { clock: { now: () => 1_700_000_000_000, sleep: async () => {} } }

test('a write on top of a version that was replaced meanwhile is refused and changes nothing', async () => {
  const store = await openSqliteStore({ dataDir: ':memory:' })
  try {
    const first = await insertEntity(context, store, CALLER, {
      kind: 'flows',
      id: 'f',
      fields: { name: 'a', state: 'draft' },
    })
    const stale = await findEntity(store, CALLER.tenant, 'flows', 'f')
    const second = await rewriteEntity(context, store, CALLER, stale, { name: 'b', state: 'draft' })
    expect(second.etag).not.toBe(first.etag)

    const late = rewriteEntity(context, store, CALLER, stale, { name: 'c', state: 'draft' })
    await expect(late).rejects.toMatchObject({
      code: '1404-412',
      detail: `Supplied version=[${first.etag}] does not match the current version on entity=[${second.etag}]`,
    })
    expect((await findEntity(store, CALLER.tenant, 'flows', 'f')).document).toEqual(second.document)
  } finally {
    await store.close()
  }
})

test('the common fields are the host’s, whatever the fields hold', async () => {
  const store = await openSqliteStore({ dataDir: ':memory:' })
  try {
    await insertEntity(context, store, CALLER, { kind: 'flows', id: 'f', fields: { name: 'a', state: 'draft' } })
    const stored = await findEntity(store, CALLER.tenant, 'flows', 'f')
    const forged = { ...stored.document, id: 'g', createdBy: 'else', imsOrgId: 'B@AdobeOrg', updatedAt: 1 }
    const other = { ...CALLER, userId: 'other', clientId: 'other-client' }
    const { document } = await rewriteEntity(context, store, other, stored, forged)
    expect(document).toMatchObject({
      id: 'f',
      createdBy: 'user',
      updatedBy: 'other',
      createdClient: 'client',
      updatedClient: 'other-client',
      imsOrgId: 'A@AdobeOrg',
      updatedAt: context.clock.now(),
    })
  } finally {
    await store.close()
  }
})
