import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JsonValue } from '../../src/json.ts'
import { isJsonObject } from '../../src/json.ts'
import type { Comparison, ComparisonOperator, ListPosition, ListQuery, OrderField } from '../../src/store/query.ts'
import { COMPARISON_OPERATORS } from '../../src/store/query.ts'
import type {
  AuditFinding,
  AuditFindingKind,
  DeliverRequest,
  EntityDocument,
  EntityKind,
  JsonText,
  NewEntity,
  ObservedRecord,
  RunState,
  Store,
  StoreScope,
  TenantKey,
} from '../../src/store/store.ts'

const TENANT = { orgId: 'acme@AdobeOrg', sandboxName: 'prod', sandboxId: '5f6c6cf0-0000-4000-8000-000000000001' }

/** What every store must do. `openStore` gives a fresh, empty one; the suite closes it. */
export function runStoreContractTests(name: string, openStore: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store

    beforeEach(async () => {
      store = await openStore()
    })

    afterEach(async () => {
      await store.close()
    })

    describe('transactions', () => {
      test('keep nothing of a work that throws, and the store stays usable', async () => {
        const failure = new Error('no')
        await expect(
          store.transaction(async (scope) => {
            await scope.settings.set('a', '1')
            await scope.entities.insert(flow({ id: 'x' }))
            throw failure
          }),
        ).rejects.toBe(failure)
        expect(await store.settings.get('a')).toBeNull()
        expect(await store.entities.get(TENANT, 'flows', 'x')).toBeNull()
        await store.settings.set('a', '2')
        expect(await store.settings.get('a')).toBe('2')
      })

      test('keep nothing when a statement fails, and rethrow its error', async () => {
        await store.entities.insert(flow({ id: 'x' }))
        await expect(
          store.transaction(async (scope) => {
            await scope.settings.set('a', '1')
            await scope.entities.insert(flow({ id: 'x' }))
          }),
        ).rejects.toThrow(/unique/i)
        expect(await store.settings.get('a')).toBeNull()
      })

      test('queue when several are started at once', async () => {
        await store.settings.set('counter', '0')
        const increment = async (scope: StoreScope) => {
          const value = Number(await scope.settings.get('counter'))
          await scope.settings.set('counter', String(value + 1))
        }
        await Promise.all(Array.from({ length: 50 }, () => store.transaction(increment)))
        expect(await store.settings.get('counter')).toBe('50')
      })

      test('let no one see what is not committed', async () => {
        const seen: Promise<string | null>[] = []
        await store
          .transaction(async (scope) => {
            await scope.settings.set('a', '1')
            seen.push(store.settings.get('a'))
            await scope.settings.set('b', '1')
            throw new Error('no')
          })
          .catch(() => {})
        expect(await Promise.all(seen)).toEqual([null])
      })

      test('hand back what the work returns', async () => {
        expect(await store.transaction(async () => 'done')).toBe('done')
      })
    })

    test('pings while it is open and refuses afterwards', async () => {
      await store.ping()
      await store.close()
      await expect(store.ping()).rejects.toThrow()
      await expect(store.transaction(async () => {})).rejects.toThrow()
    })

    test('finishes a transaction that is going on when it is closed', async () => {
      const work = store.transaction(async (scope) => {
        for (let number = 0; number < 20; number += 1) await scope.settings.set('a', String(number))
        return scope.settings.get('a')
      })
      await store.close()
      expect(await work).toBe('19')
    })

    describe('entities', () => {
      test('come back as they were stored', async () => {
        const document = {
          ...flow({ id: 'f1' }).document,
          name: 'Größe "x" \u0000 😀',
          nested: { list: [1, null, true] },
        }
        const no = await store.entities.insert({
          kind: 'flows',
          tenant: TENANT,
          etag: '"e1"',
          document,
          secrets: { '/auth/params/accessToken': 'v1.k.i.c.t' },
        })
        const expected = {
          no,
          kind: 'flows',
          id: 'f1',
          orgId: TENANT.orgId,
          sandboxName: TENANT.sandboxName,
          etag: '"e1"',
          document,
          secrets: { '/auth/params/accessToken': 'v1.k.i.c.t' },
        }
        expect(await store.entities.get(TENANT, 'flows', 'f1')).toEqual(expected)
        expect(await store.entities.getByNo(no)).toEqual(expected)
      })

      test('of another organisation, sandbox or kind are unknown', async () => {
        await store.entities.insert(flow({ id: 'x' }))
        await store.entities.insert({ ...flow({ id: 'y' }), tenant: { ...TENANT, sandboxName: 'dev' } })
        await store.entities.insert({ ...flow({ id: 'z' }), tenant: { ...TENANT, orgId: 'other@AdobeOrg' } })
        const all: ListQuery = { filter: [], order: [], limit: 10, after: null }
        expect(idsOf(await store.entities.list(TENANT, 'flows', all))).toEqual(['x'])
        expect(await store.entities.count(TENANT, 'flows', [])).toBe(1)
        expect(await store.entities.get(TENANT, 'flows', 'y')).toBeNull()
        expect(await store.entities.get(TENANT, 'flows', 'z')).toBeNull()
        expect(await store.entities.get(TENANT, 'connections', 'x')).toBeNull()
        expect(idsOf(await store.entities.list({ ...TENANT, sandboxName: 'dev' }, 'flows', all))).toEqual(['y'])
      })

      test('may have the id of an entity of another tenant or kind, but not of one of their own', async () => {
        await store.entities.insert(flow({ id: 'x' }))
        await store.entities.insert({ ...flow({ id: 'x' }), tenant: { ...TENANT, sandboxName: 'dev' } })
        await store.entities.insert({ ...flow({ id: 'x' }), kind: 'connections' })
        await expect(store.entities.insert(flow({ id: 'x' }))).rejects.toThrow()
      })

      test('are updated only from the version that the writer knows', async () => {
        const no = await store.entities.insert({ ...flow({ id: 'x', name: 'old' }), secrets: { a: 's' } })
        const change = { etag: '"2"', document: flow({ id: 'x', name: 'new' }).document }
        expect(await store.entities.update({ no, etag: '"1"' }, change)).toBe(true)
        expect(await store.entities.update({ no, etag: '"1"' }, { ...change, etag: '"3"' })).toBe(false)
        const stored = await store.entities.getByNo(no)
        expect(stored).toMatchObject({ etag: '"2"', document: { name: 'new' }, secrets: { a: 's' } })
        expect(await store.entities.update({ no: no + 1000, etag: '"2"' }, change)).toBe(false)
      })

      test('are updated by one of several writers that know the same version', async () => {
        const no = await store.entities.insert(flow({ id: 'x' }))
        const results = await Promise.all(
          ['"a"', '"b"', '"c"'].map((etag) =>
            store.entities.update({ no, etag: '"1"' }, { etag, document: flow({ id: 'x' }).document }),
          ),
        )
        expect(results.filter(Boolean)).toHaveLength(1)
      })

      test('keep their etag when the host updates the document, and are found by the new values', async () => {
        const no = await store.entities.insert(flow({ id: 'x', state: 'draft' }))
        await store.entities.updateDocument(
          { no, kind: 'flows' },
          flow({ id: 'x', state: 'enabled', lastRunDetails: { id: 'r' } }).document,
        )
        expect(await store.entities.getByNo(no)).toMatchObject({
          etag: '"1"',
          document: { lastRunDetails: { id: 'r' } },
        })
        expect(await store.entities.count(TENANT, 'flows', [where('state', '==', 'enabled')])).toBe(1)
        expect(await store.entities.count(TENANT, 'flows', [where('state', '==', 'draft')])).toBe(0)
      })

      test('are found by the new values after an update', async () => {
        const no = await store.entities.insert(flow({ id: 'x', state: 'draft' }))
        const { document } = flow({ id: 'x', state: 'disabled' })
        await store.entities.update({ no, etag: '"1"' }, { etag: '"2"', document })
        expect(await store.entities.count(TENANT, 'flows', [where('state', '==', 'disabled')])).toBe(1)
      })

      test('never get the number of a deleted one', async () => {
        const first = await store.entities.insert(flow({ id: 'x' }))
        await store.entities.delete(first)
        const second = await store.entities.insert(flow({ id: 'x' }))
        expect(second).toBeGreaterThan(first)
      })

      test('stay when the flow that they are runs of is deleted', async () => {
        const no = await store.entities.insert(flow({ id: 'f' }))
        await store.entities.insert(run({ id: 'r', flowId: 'f' }))
        await store.entities.delete(no)
        expect(await store.entities.get(TENANT, 'runs', 'r')).not.toBeNull()
        expect(await store.entities.count(TENANT, 'runs', [where('flowId', '==', 'f')])).toBe(1)
      })
    })

    describe('use of entities', () => {
      const target = (id: string, references: string[]): NewEntity => ({ ...flow({ id }), references })

      test('is told oldest first, within the tenant and the kind, up to a limit', async () => {
        await store.entities.insert(target('f1', ['s', 't', 's']))
        await store.entities.insert(target('f2', ['s']))
        await store.entities.insert(target('f3', ['t']))
        await store.entities.insert({ ...target('c1', ['s']), kind: 'connections' })
        await store.entities.insert({ ...target('f4', ['s']), tenant: { ...TENANT, sandboxName: 'dev' } })
        expect(await store.entities.usedBy(TENANT, 'flows', 's', 10)).toEqual(['f1', 'f2'])
        expect(await store.entities.usedBy(TENANT, 'flows', 's', 1)).toEqual(['f1'])
        expect(await store.entities.usedBy(TENANT, 'flows', 'nobody', 10)).toEqual([])
      })

      test('ends with the deletion of the user', async () => {
        const no = await store.entities.insert(target('f1', ['s']))
        await store.entities.delete(no)
        expect(await store.entities.usedBy(TENANT, 'flows', 's', 10)).toEqual([])
      })

      test('follows an update that names references, and only such', async () => {
        const no = await store.entities.insert(target('f1', ['s']))
        const { document } = flow({ id: 'f1' })
        await store.entities.update({ no, etag: '"1"' }, { etag: '"2"', document })
        expect(await store.entities.usedBy(TENANT, 'flows', 's', 10)).toEqual(['f1'])
        await store.entities.update({ no, etag: '"2"' }, { etag: '"3"', document, references: ['t'] })
        expect(await store.entities.usedBy(TENANT, 'flows', 's', 10)).toEqual([])
        expect(await store.entities.usedBy(TENANT, 'flows', 't', 10)).toEqual(['f1'])
        await store.entities.update({ no, etag: '"3"' }, { etag: '"4"', document, references: [] })
        expect(await store.entities.usedBy(TENANT, 'flows', 't', 10)).toEqual([])
      })
    })

    describe('lists', () => {
      const insert = async (...documents: Partial<EntityDocument>[]) => {
        for (const document of documents) await store.entities.insert(flow(document))
      }
      const found = async (...filter: Comparison[]) => {
        const ids = idsOf(await store.entities.list(TENANT, 'flows', { filter, order: [], limit: 100, after: null }))
        expect(await store.entities.count(TENANT, 'flows', filter)).toBe(ids.length)
        return ids.sort()
      }

      test('give the most recently updated first, the newest of equal ones first', async () => {
        await insert(
          { id: 'a', updatedAt: 2 },
          { id: 'b', updatedAt: 3 },
          { id: 'c', updatedAt: 2 },
          { id: 'd', updatedAt: 1 },
        )
        expect(await pagesOf(store, 'flows', [], 2)).toEqual([
          ['b', 'c'],
          ['a', 'd'],
        ])
      })

      test('of datasets go by their own time of change', async () => {
        for (const [id, updated] of [
          ['a', 1],
          ['b', 2],
        ] as const) {
          await store.entities.insert({ ...flow({ id }), kind: 'dataSets', document: { id, created: 1, updated } })
        }
        expect(await pagesOf(store, 'dataSets', [], 1)).toEqual([['b'], ['a']])
      })

      test('neither repeat nor drop what existed all along while others come and go', async () => {
        for (const order of [[], ascending('name'), [...ascending('state'), ...descending('name')]]) {
          const tenant = { ...TENANT, sandboxName: `box-${order.length}` }
          const add = (id: string, number: number) =>
            store.entities.insert({
              ...flow({ id, name: `n${number % 7}`, state: ['draft', 'enabled'][number % 2]!, updatedAt: number }),
              tenant,
            })
          const others: number[] = []
          for (let number = 0; number < 40; number += 1) {
            await add(`keep-${number}`, number)
            others.push(await add(`other-${number}`, number))
          }
          const seen: string[] = []
          let after: ListPosition | null = null
          for (let page = 0; ; page += 1) {
            const items: Awaited<ReturnType<Store['entities']['list']>> = await store.entities.list(tenant, 'flows', {
              filter: [],
              order,
              limit: 7,
              after,
            })
            seen.push(...idsOf(items).filter((id) => id.startsWith('keep-')))
            if (items.length < 7) break
            after = store.entities.positionOf(items.at(-1)!, order)
            await store.entities.delete(others[page]!)
            await store.entities.delete(others[39 - page]!)
            await add(`late-${page}`, page * 5)
          }
          expect(seen).toHaveLength(40)
          expect(new Set(seen).size).toBe(40)
        }
      })

      test('go on after the last item even when it is deleted meanwhile', async () => {
        await insert({ id: 'a', name: '1' }, { id: 'b', name: '2' }, { id: 'c', name: '3' })
        const order = ascending('name')
        const [, second] = await store.entities.list(TENANT, 'flows', { filter: [], order, limit: 2, after: null })
        const after = store.entities.positionOf(second!, order)
        await store.entities.delete(second!.no)
        expect(idsOf(await store.entities.list(TENANT, 'flows', { filter: [], order, limit: 2, after }))).toEqual(['c'])
      })

      test('sort numbers as numbers, text by its bytes, and missing values last in both directions', async () => {
        await insert(
          { id: 'ten', options: { x: 10 } },
          { id: 'nine', options: { x: 9 } },
          { id: 'none' },
          { id: 'Z', options: { x: 'Z' } },
          { id: 'a', options: { x: 'a' } },
          { id: 'null', options: { x: null } },
          { id: 'list', options: { x: [1] } },
        )
        expect(await pagesOf(store, 'flows', ascending('options.x'), 3)).toEqual([
          ['nine', 'ten', 'Z'],
          ['a', 'list', 'null'],
          ['none'],
        ])
        expect(await pagesOf(store, 'flows', descending('options.x'), 3)).toEqual([
          ['a', 'Z', 'ten'],
          ['nine', 'list', 'null'],
          ['none'],
        ])
      })

      test('sort by several fields in mixed directions', async () => {
        await insert(
          { id: '1', name: 'b', state: 'draft' },
          { id: '2', name: 'a', state: 'enabled' },
          { id: '3', name: 'b', state: 'enabled' },
          { id: '4', name: 'a', state: 'draft' },
          { id: '5', name: 'c' },
        )
        const order = [...descending('state'), ...ascending('name')]
        expect(await pagesOf(store, 'flows', order, 2)).toEqual([['2', '3'], ['4', '1'], ['5']])
      })

      test('refuse a position of another order', async () => {
        const after = { values: [1, 2], no: 1 }
        await expect(store.entities.list(TENANT, 'flows', { filter: [], order: [], limit: 1, after })).rejects.toThrow(
          RangeError,
        )
      })

      test('compare numbers with numbers and text with text', async () => {
        await insert(
          { id: 'number', options: { x: 10 } },
          { id: 'text', options: { x: '10' } },
          { id: 'word', options: { x: 'b' } },
        )
        expect(await found(where('options.x', '==', '10.0'))).toEqual(['number'])
        expect(await found(where('options.x', '==', '10'))).toEqual(['number', 'text'])
        expect(await found(where('options.x', '>', '9'))).toEqual(['number', 'word'])
        expect(await found(where('options.x', '>', 'a'))).toEqual(['word'])
        expect(await found(where('options.x', '<=', '1e1'))).toEqual(['number', 'text'])
      })

      test('compare booleans with true and false only', async () => {
        await insert(
          { id: 'yes', options: { x: true } },
          { id: 'no', options: { x: false } },
          { id: 'one', options: { x: 1 } },
        )
        expect(await found(where('options.x', '==', 'true'))).toEqual(['yes'])
        expect(await found(where('options.x', '==', 'false'))).toEqual(['no'])
        expect(await found(where('options.x', '==', '1'))).toEqual(['one'])
        expect(await found(where('options.x', '!=', 'true'))).toEqual(['no', 'one'])
      })

      test('ignore case under state and status, and nowhere else', async () => {
        await insert({ id: 'a', state: 'enabled', name: 'Name', options: { status: 'Failed' } })
        expect(await found(where('state', '==', 'ENABLED'))).toEqual(['a'])
        expect(await found(where('state', '!=', 'Enabled'))).toEqual([])
        expect(await found(where('options.status', '==', 'failed'))).toEqual(['a'])
        expect(await found(where('name', '==', 'name'))).toEqual([])
      })

      test('match nothing by a path that does not exist, also with !=', async () => {
        await insert({ id: 'a', name: 'x' })
        expect(await found(where('nowhere', '==', 'x'))).toEqual([])
        expect(await found(where('nowhere', '!=', 'x'))).toEqual([])
        expect(await found(where('name.deeper', '!=', 'x'))).toEqual([])
        expect(await found(where('description', '!=', 'x'))).toEqual([])
      })

      test('take any of several values with == and none of them with !=', async () => {
        await insert({ id: 'a', name: '1' }, { id: 'b', name: '2' }, { id: 'c', name: '3' })
        expect(await found(where('name', '==', '1', '3'))).toEqual(['a', 'c'])
        expect(await found(where('name', '!=', '1', '3'))).toEqual(['b'])
        expect(await found(where('id', '==', 'a', 'b', 'q'))).toEqual(['a', 'b'])
      })

      test('need all comparisons to hold', async () => {
        await insert({ id: 'a', name: 'x', state: 'draft' }, { id: 'b', name: 'x', state: 'enabled' })
        expect(await found(where('name', '==', 'x'), where('state', '==', 'draft'))).toEqual(['a'])
      })

      test('look into arrays, with and without []', async () => {
        await insert(
          { id: 'a', sourceConnectionIds: ['s1', 's2'], params: { columns: [{ name: 'id' }, { name: 'x' }] } },
          { id: 'b', sourceConnectionIds: ['s3'], params: { columns: [] } },
          { id: 'c', sourceConnectionIds: 's1', params: { columns: { name: 'id' } } },
        )
        expect(await found(where('sourceConnectionIds[]', '==', 's2'))).toEqual(['a'])
        expect(await found(where('sourceConnectionIds', '==', 's1'))).toEqual(['a', 'c'])
        expect(await found(where('sourceConnectionIds[]', '==', 's1'))).toEqual(['a'])
        expect(await found(where('sourceConnectionIds[]', '!=', 's1'))).toEqual(['b'])
        expect(await found(where('params.columns[].name', '==', 'id'))).toEqual(['a'])
        expect(await found(where('params.columns.name', '==', 'id'))).toEqual(['a', 'c'])
        expect(await found(where('params.columns[].name', '!=', 'id'))).toEqual([])
      })

      test.each([
        'a"b',
        "a'b",
        'a\\b',
        'a b',
        '$',
        '$.id',
        '[0]',
        'größe',
        '😀',
        'a\nb',
        'a\u0001b',
        '"',
        '\\"',
        '%',
        ';--',
        '#-1',
        '__proto__',
        '?',
      ])('find and sort by a member called %j', async (name) => {
        await insert(
          { id: 'low', options: JSON.parse(`{${JSON.stringify(name)}: 1}`) },
          { id: 'high', options: JSON.parse(`{${JSON.stringify(name)}: 2}`) },
          { id: 'other', options: { a: 1, b: 2 } },
        )
        const path = [
          { name: 'options', each: false },
          { name, each: false },
        ]
        expect(await found({ path, operator: '==', values: ['1'] })).toEqual(['low'])
        expect(await found({ path, operator: '!=', values: ['1'] })).toEqual(['high'])
        expect(await pagesOf(store, 'flows', [{ path: ['options', name], direction: 'desc' }], 1)).toEqual([
          ['high'],
          ['low'],
          ['other'],
        ])
      })

      test('refuse a path that holds NUL', async () => {
        await expect(found(where('a\u0000b', '==', '1'))).rejects.toThrow(RangeError)
        await expect(pagesOf(store, 'flows', ascending('a\u0000b'), 1)).rejects.toThrow(RangeError)
      })

      test.each(["'", '"', "' or 1=1 --", '%', '\\', '?', '\u0000', '😀', "x'); drop table entities; --"])(
        'find the value %j as it is',
        async (value) => {
          await insert({ id: 'a', name: value, state: value }, { id: 'b', name: 'x', state: 'x' })
          expect(await found(where('name', '==', value))).toEqual(['a'])
          expect(await found(where('state', '==', value))).toEqual(['a'])
          expect(await found(where('name', '!=', value))).toEqual(['b'])
        },
      )

      test('take a filter as large as the parser lets through', async () => {
        await insert({ id: 'a', name: 'x' })
        const deep = Array(20).fill('a').join('.')
        const filter = Array.from({ length: 99 }, (_, index) => where(deep, index % 2 ? '!=' : '>', '1'))
        const values = Array.from({ length: 1000 }, (_, index) => String(index))
        expect(await found(...filter, where('name', '==', ...values))).toEqual([])
        expect(await found(where('name', '!=', ...values))).toEqual(['a'])
        await expect(found(where(`${deep}.a`, '==', '1'))).rejects.toThrow(RangeError)
      })

      test('know the state of a run by both its names', async () => {
        await store.entities.insert(run({ id: 'r1', flowId: 'f', metrics: { statusSummary: { status: 'failed' } } }))
        await store.entities.insert(run({ id: 'r2', flowId: 'g', metrics: { statusSummary: { status: 'success' } } }))
        const query = { order: [], limit: 10, after: null }
        for (const path of ['state', 'metrics.statusSummary.status']) {
          const filter = [where(path, '==', 'Failed')]
          expect(idsOf(await store.entities.list(TENANT, 'runs', { ...query, filter }))).toEqual(['r1'])
          expect(await pagesOf(store, 'runs', descending(path), 1)).toEqual([['r2'], ['r1']])
        }
        expect(
          idsOf(await store.entities.list(TENANT, 'runs', { ...query, filter: [where('flowId', '==', 'g')] })),
        ).toEqual(['r2'])
      })

      test('equal a plain evaluation of filter and order over all documents', async () => {
        let round = 0
        await fc.assert(
          fc.asyncProperty(
            fc.array(anyDocument, { maxLength: 12 }),
            fc.array(anyComparison, { maxLength: 2 }),
            fc.array(anyOrderField, { maxLength: 3 }),
            async (documents, filter, order) => {
              round += 1
              const tenant = { ...TENANT, sandboxName: `round-${round}` }
              const stored: { no: number; document: EntityDocument }[] = []
              await store.transaction(async (scope) => {
                for (const [index, members] of documents.entries()) {
                  const document = { ...members, id: `d${index}` } as EntityDocument
                  const no = await scope.entities.insert({ kind: 'flows', tenant, etag: '"1"', document })
                  stored.push({ no, document })
                }
              })
              const expected = reference(stored, filter, order)
              expect((await pagesOf(store, 'flows', order, 3, { tenant, filter })).flat()).toEqual(expected)
              expect(await store.entities.count(tenant, 'flows', filter)).toBe(expected.length)
            },
          ),
          { numRuns: 400 },
        )
      }, 60_000)
    })

    describe('flow progress', () => {
      const progress = {
        flowNo: 1,
        nextDueAt: 100,
        position: 50,
        changePosition: 'evt_1',
        newestCreated: 40,
        leftOut: ['a'],
      }

      test('is saved, replaced and deleted', async () => {
        expect(await store.progress.get(1)).toBeNull()
        await store.progress.save(progress)
        expect(await store.progress.get(1)).toEqual(progress)
        const later = {
          flowNo: 1,
          nextDueAt: null,
          position: null,
          changePosition: null,
          newestCreated: null,
          leftOut: null,
        }
        await store.progress.save(later)
        expect(await store.progress.get(1)).toEqual(later)
        await store.progress.delete(1)
        expect(await store.progress.get(1)).toBeNull()
      })

      test('is due from its time on, longest due first', async () => {
        for (const [flowNo, nextDueAt] of [
          [1, 100],
          [2, 50],
          [3, null],
          [4, 101],
        ] as const) {
          await store.progress.save({ ...progress, flowNo, nextDueAt })
        }
        const due = async (now: number, limit = 10) =>
          (await store.progress.due(now, limit)).map(({ flowNo }) => flowNo)
        expect(await due(49)).toEqual([])
        expect(await due(100)).toEqual([2, 1])
        expect(await due(200)).toEqual([2, 1, 4])
        expect(await due(200, 1)).toEqual([2])
      })

      test('is not due while a run of the flow is open', async () => {
        await store.progress.save(progress)
        await store.runs.insert(runState({ runNo: 10, flowNo: 1, status: 'success' }))
        await store.runs.insert(runState({ runNo: 11, flowNo: 2, status: 'inProgress' }))
        expect(await store.progress.due(100, 10)).toHaveLength(1)
        for (const status of ['scheduled', 'inProgress'] as const) {
          await store.runs.save(runState({ runNo: 10, flowNo: 1, status }))
          expect(await store.progress.due(100, 10)).toEqual([])
        }
      })
    })

    describe('run states', () => {
      const insert = async (...states: Partial<RunState>[]) => {
        for (const state of states) await store.runs.insert(runState(state))
      }
      const runnable = async (now: number, busyFlows: number[] = [], limit = 10) =>
        (await store.runs.runnable(now, busyFlows, limit)).map(({ runNo }) => runNo)

      test('are saved and read back', async () => {
        const state = runState({ runNo: 7, lastSequence: 3, checkpoint: '{"a":1}' })
        await store.runs.insert(state)
        expect(await store.runs.get(7)).toEqual(state)
        const later = { ...state, status: 'failed', checkpoint: null, lastSequence: 9 } as const
        await store.runs.save(later)
        expect(await store.runs.get(7)).toEqual(later)
        expect(await store.runs.get(8)).toBeNull()
      })

      test('are runnable oldest first for each flow, once their time has come', async () => {
        await insert(
          { runNo: 1, flowNo: 1, notBefore: 100 },
          { runNo: 2, flowNo: 1, notBefore: 50 },
          { runNo: 3, flowNo: 1, notBefore: 50 },
          { runNo: 4, flowNo: 2, notBefore: 60 },
        )
        expect(await runnable(49)).toEqual([])
        expect(await runnable(60)).toEqual([2, 4])
        expect(await runnable(100)).toEqual([4, 1])
        expect(await runnable(100, [], 1)).toEqual([4])
      })

      test('are runnable in progress before scheduled, whatever their time', async () => {
        await insert(
          { runNo: 1, flowNo: 1, status: 'scheduled' },
          { runNo: 2, flowNo: 1, status: 'inProgress', notBefore: 1000 },
          { runNo: 3, flowNo: 1, status: 'inProgress' },
        )
        expect(await runnable(10)).toEqual([2])
      })

      test('are not runnable when ended, nor for a busy flow', async () => {
        await insert(
          { runNo: 1, flowNo: 1, status: 'success' },
          { runNo: 2, flowNo: 1, status: 'failed' },
          { runNo: 3, flowNo: 2 },
          { runNo: 4, flowNo: 3, status: 'inProgress' },
        )
        expect(await runnable(10)).toEqual([3, 4])
        expect(await runnable(10, [2])).toEqual([4])
        expect(await runnable(10, [2, 3])).toEqual([])
      })

      test('are open until they end', async () => {
        await insert(
          { runNo: 3, flowNo: 1, status: 'inProgress' },
          { runNo: 2, flowNo: 1, status: 'scheduled', notBefore: 9999 },
          { runNo: 1, flowNo: 1, status: 'failed' },
          { runNo: 4, flowNo: 2 },
        )
        expect((await store.runs.openRuns(1)).map(({ runNo }) => runNo)).toEqual([2, 3])
      })
    })

    describe('records', () => {
      const deliver = (request: Partial<DeliverRequest> & Pick<DeliverRequest, 'records'>) =>
        store.records.deliver({ target: CHARGES, runNo: 1, lastSequence: 0, observedAt: 100, ...request })
      const current = async (includeDeleted = false) =>
        (await store.records.current(1, null, 100, includeDeleted)).map(({ objectId, body }) => [objectId, body])

      test('are delivered in order, numbered without gaps', async () => {
        const first = await deliver({ records: [upsert('b', '{"n":1}'), upsert('a', '{"ü":2}')] })
        expect(first).toEqual({
          created: 2,
          updated: 0,
          deleted: 0,
          skipped: 0,
          repeated: 0,
          undecided: [],
          bytes: 15,
          lastSequence: 2,
        })
        const second = await deliver({ lastSequence: 2, observedAt: 101, records: [upsert('c', '3')] })
        expect(second.lastSequence).toBe(3)
        const common = { runNo: 1, resourcePath: 'charges', operation: 'upsert', mapped: null }
        expect(await store.records.delivered(1, 0, 10)).toEqual([
          { ...common, sequence: 1, objectId: 'b', observedAt: 100, body: '{"n":1}' },
          { ...common, sequence: 2, objectId: 'a', observedAt: 100, body: '{"ü":2}' },
          { ...common, sequence: 3, objectId: 'c', observedAt: 101, body: '3' },
        ])
        expect((await store.records.delivered(1, 1, 1)).map(({ sequence }) => sequence)).toEqual([2])
        expect(await store.records.delivered(1, 3, 10)).toEqual([])
        expect(await store.records.delivered(2, 0, 10)).toEqual([])
      })

      test('are updated when another run finds them changed', async () => {
        await deliver({ records: [upsert('a', '1')] })
        const result = await deliver({ runNo: 2, observedAt: 101, records: [upsert('a', '2')] })
        expect(result).toMatchObject({ created: 0, updated: 1, skipped: 0, lastSequence: 1 })
        expect(await current()).toEqual([['a', '2']])
        expect((await store.records.delivered(1, 0, 10)).map(({ body }) => body)).toEqual(['1'])
      })

      test('are skipped when they are unchanged', async () => {
        await deliver({ records: [upsert('a', '1')] })
        const result = await deliver({ runNo: 2, observedAt: 101, records: [upsert('a', '1')] })
        expect(result).toEqual({
          created: 0,
          updated: 0,
          deleted: 0,
          skipped: 1,
          repeated: 0,
          undecided: [],
          bytes: 0,
          lastSequence: 0,
        })
        expect(await store.records.delivered(2, 0, 10)).toEqual([])
        expect((await store.records.current(1, null, 1, false))[0]).toMatchObject({ runNo: 1, observedAt: 100 })
      })

      test('count as changed when there is no hash to tell', async () => {
        await deliver({ records: [{ ...upsert('a', '1'), contentHash: null }] })
        const result = await deliver({
          runNo: 2,
          observedAt: 101,
          records: [{ ...upsert('a', '1'), contentHash: null }],
        })
        expect(result.updated).toBe(1)
      })

      test('are skipped when the stored version was observed later', async () => {
        await deliver({ observedAt: 200, records: [upsert('a', 'new')] })
        const result = await deliver({ runNo: 2, observedAt: 199, records: [upsert('a', 'old')] })
        expect(result).toMatchObject({ updated: 0, skipped: 1 })
        expect(await deliver({ runNo: 2, observedAt: 199, records: [remove('a')] })).toMatchObject({
          deleted: 0,
          skipped: 1,
        })
        expect(await current()).toEqual([['a', 'new']])
      })

      test('are skipped when they were found unchanged by a later observation', async () => {
        await deliver({ observedAt: 100, records: [upsert('a', '1')] })
        await deliver({ runNo: 2, observedAt: 300, records: [upsert('a', '1')] })
        const result = await deliver({ runNo: 3, observedAt: 200, records: [upsert('a', '2')] })
        expect(result.skipped).toBe(1)
        expect(await current()).toEqual([['a', '1']])
      })

      describe('that were read while another request was under way', () => {
        const overlap = { answeredAt: 210, underWay: new Set([190]) }
        const read = (record: ObservedRecord) => deliver({ runNo: 2, observedAt: 200, overlap, records: [record] })
        const undecided = { created: 0, updated: 0, deleted: 0, skipped: 0, undecided: ['a'] }

        test.each([
          ['sent before it', 190],
          ['sent after it, before its answer', 205],
        ])('are undecided when one %s has stored something else', async (_, observedAt) => {
          await deliver({ observedAt, records: [upsert('a', '1')] })
          expect(await read(upsert('a', '2'))).toMatchObject(undecided)
          expect(await read(remove('a'))).toMatchObject(undecided)
          expect(await read(upsert('a', '1'))).toMatchObject({ skipped: 1, undecided: [] })
          expect(await current()).toEqual([['a', '1']])
        })

        test('are undecided when one sent after it has left a tombstone', async () => {
          await deliver({ observedAt: 100, records: [upsert('a', '1')] })
          await deliver({ runNo: 3, observedAt: 205, records: [remove('a')] })
          expect(await read(upsert('a', '1'))).toMatchObject(undecided)
        })

        test('are taken when that one was answered before', async () => {
          await deliver({ observedAt: 189, records: [upsert('a', '1')] })
          expect(await read(upsert('a', '2'))).toMatchObject({ updated: 1, undecided: [] })
        })

        test('are older when that one was sent after the answer', async () => {
          await deliver({ observedAt: 211, records: [upsert('a', '1')] })
          expect(await read(upsert('a', '2'))).toMatchObject({ skipped: 1, undecided: [] })
        })
      })

      test('are taken when two observations have the same time', async () => {
        await deliver({ records: [upsert('a', '1')] })
        expect((await deliver({ runNo: 2, records: [upsert('a', '2')] })).updated).toBe(1)
      })

      test('are not repeated when the same run has delivered them already', async () => {
        await deliver({ records: [upsert('a', '1')] })
        const again = await deliver({ lastSequence: 1, observedAt: 200, records: [upsert('a', '2'), upsert('b', '1')] })
        expect(again).toMatchObject({ created: 1, updated: 0, skipped: 0, repeated: 1, lastSequence: 2 })
        expect((await store.records.delivered(1, 0, 10)).map(({ objectId }) => objectId)).toEqual(['a', 'b'])
      })

      test('are not repeated by a run when another run has delivered a newer version in between', async () => {
        await deliver({ records: [upsert('a', '1')] })
        await deliver({ runNo: 2, observedAt: 101, records: [upsert('a', '2')] })
        await deliver({ runNo: 3, observedAt: 102, records: [upsert('a', '3')] })
        const again = await deliver({ lastSequence: 1, observedAt: 103, records: [upsert('a', '4'), upsert('b', '1')] })
        expect(again).toMatchObject({ created: 1, updated: 0, repeated: 1, lastSequence: 2 })
        expect(await deliver({ runNo: 2, lastSequence: 1, observedAt: 104, records: [remove('a')] })).toMatchObject({
          deleted: 0,
          repeated: 1,
          undecided: [],
        })
        expect((await store.records.delivered(1, 0, 10)).map(({ objectId }) => objectId)).toEqual(['a', 'b'])
        expect(await current()).toEqual([
          ['a', '3'],
          ['b', '1'],
        ])
        expect(await deliver({ runNo: 4, observedAt: 105, records: [upsert('a', '4')] })).toMatchObject({ updated: 1 })
      })

      test('count only once when a page repeats them', async () => {
        const result = await deliver({ records: [upsert('a', '1'), upsert('a', '2'), remove('a')] })
        expect(result).toMatchObject({ created: 1, deleted: 0, skipped: 0, repeated: 2, lastSequence: 1 })
        expect(await current()).toEqual([['a', '1']])
      })

      test('leave a tombstone when they are deleted', async () => {
        await deliver({ records: [upsert('a', '1'), upsert('b', '1')] })
        const result = await deliver({ runNo: 2, observedAt: 101, records: [remove('a')] })
        expect(result).toEqual({
          created: 0,
          updated: 0,
          deleted: 1,
          skipped: 0,
          repeated: 0,
          undecided: [],
          bytes: 0,
          lastSequence: 1,
        })
        expect(await current()).toEqual([['b', '1']])
        expect(await current(true)).toEqual([
          ['a', null],
          ['b', '1'],
        ])
        expect(await store.records.delivered(2, 0, 10)).toMatchObject([
          { objectId: 'a', operation: 'delete', body: null },
        ])
      })

      test('are skipped when they are deleted again or were never known', async () => {
        await deliver({ records: [upsert('a', '1')] })
        await deliver({ runNo: 2, observedAt: 101, records: [remove('a')] })
        const result = await deliver({ runNo: 3, observedAt: 102, records: [remove('a'), remove('unknown')] })
        expect(result).toMatchObject({ deleted: 0, skipped: 2, lastSequence: 0 })
        expect(await current(true)).toEqual([['a', null]])
      })

      test('come back after a deletion only by a newer observation', async () => {
        await deliver({ records: [upsert('a', '1')] })
        await deliver({ runNo: 2, observedAt: 200, records: [remove('a')] })
        for (const observedAt of [199, 200]) {
          expect(await deliver({ runNo: 3, observedAt, records: [upsert('a', '2')] })).toMatchObject({ skipped: 1 })
        }
        expect(await current()).toEqual([])
        expect(await deliver({ runNo: 3, observedAt: 201, records: [upsert('a', '1')] })).toMatchObject({ created: 1 })
        expect(await current()).toEqual([['a', '1']])
      })

      test('leave a tombstone when they are deleted before they were ever delivered', async () => {
        expect(await deliver({ observedAt: 200, records: [remove('a')] })).toMatchObject({
          deleted: 0,
          skipped: 1,
          lastSequence: 0,
        })
        expect(await current(true)).toEqual([])
        expect(await store.records.delivered(1, 0, 10)).toEqual([])
        expect(await store.records.versionsOf(CHARGES, ['a'])).toEqual([
          { objectId: 'a', runNo: 0, contentHash: null, observedAt: 200, deleted: true, body: null },
        ])
        for (const observedAt of [199, 200]) {
          expect(await deliver({ observedAt, records: [upsert('a', '1')] })).toMatchObject({ created: 0, skipped: 1 })
        }
        expect(await deliver({ observedAt: 201, records: [upsert('a', '1')] })).toMatchObject({ created: 1 })
        expect(await current()).toEqual([['a', '1']])
      })

      test('stay deleted for a page read before a later look found them deleted still', async () => {
        await deliver({ observedAt: 100, records: [remove('a')] })
        await deliver({ runNo: 2, observedAt: 300, records: [remove('a')] })
        expect(await deliver({ runNo: 3, observedAt: 200, records: [upsert('a', '1')] })).toMatchObject({ skipped: 1 })
      })

      test('are deleted by an observation of the same time, but not by an older one', async () => {
        await deliver({ records: [upsert('a', '1'), upsert('b', '1')] })
        expect(await deliver({ runNo: 2, observedAt: 99, records: [remove('a')] })).toMatchObject({ skipped: 1 })
        expect(await deliver({ runNo: 2, observedAt: 100, records: [remove('b')] })).toMatchObject({ deleted: 1 })
        expect(await current()).toEqual([['a', '1']])
      })

      test('are delivered also unchanged when that is forced, but not from an older page nor twice by a run', async () => {
        await deliver({ records: [upsert('a', '1')] })
        const force = { force: true, records: [upsert('a', '1')] }
        expect(await deliver({ ...force, runNo: 2, observedAt: 99 })).toMatchObject({ updated: 0, skipped: 1 })
        expect(await deliver({ ...force, runNo: 2, observedAt: 101 })).toMatchObject({ updated: 1, skipped: 0 })
        expect(await deliver({ ...force, runNo: 2, lastSequence: 1, observedAt: 102 })).toMatchObject({ repeated: 1 })
        expect(await store.records.versionsOf(CHARGES, ['a'])).toMatchObject([{ runNo: 2, body: '1' }])
      })

      test('count as observed when the run that delivered them finds them unchanged again', async () => {
        await deliver({ records: [upsert('a', '1'), upsert('b', '1')] })
        await deliver({ lastSequence: 2, observedAt: 200, records: [upsert('a', '1'), upsert('b', '2')] })
        expect(await store.records.observedSince(CHARGES, ['a', 'b'], 200)).toEqual(new Set(['a']))
      })

      test('tell which of them have been observed since a time, deleted ones included', async () => {
        expect(await store.records.observedSince(CHARGES, ['a'], 0)).toEqual(new Set())
        await deliver({ records: [upsert('a', '1'), upsert('b', '1'), upsert('c', '1'), upsert('d', '1')] })
        await deliver({ runNo: 2, observedAt: 200, records: [upsert('a', '1'), upsert('b', '2'), remove('c')] })
        await deliver({
          target: { ...CHARGES, resourcePath: 'refunds' },
          runNo: 3,
          observedAt: 300,
          records: [upsert('d', '1')],
        })
        const ids = ['a', 'b', 'c', 'd', 'unknown']
        expect(await store.records.observedSince(CHARGES, ids, 200)).toEqual(new Set(['a', 'b', 'c']))
        expect(await store.records.observedSince(CHARGES, ids, 201)).toEqual(new Set())
        expect(await store.records.observedSince(CHARGES, ids, 100)).toEqual(new Set(['a', 'b', 'c', 'd']))
        expect(await store.records.observedSince(CHARGES, [], 0)).toEqual(new Set())
      })

      test('are confirmed as observed, never as observed earlier than they were', async () => {
        await store.records.confirm(CHARGES, ['a'], 300)
        await deliver({ records: [upsert('a', '1'), upsert('b', '1'), upsert('c', '1')] })
        await deliver({ target: { ...CHARGES, dataSetNo: 2 }, runNo: 2, records: [upsert('a', '1')] })
        await deliver({ runNo: 3, observedAt: 400, records: [upsert('c', '1')] })
        await store.records.confirm(CHARGES, ['a', 'c', 'unknown'], 300)
        const observedAt = async (target = CHARGES) =>
          Object.fromEntries(
            (await store.records.versionsOf(target, ['a', 'b', 'c'])).map((each) => [each.objectId, each.observedAt]),
          )
        expect(await observedAt()).toEqual({ a: 300, b: 100, c: 400 })
        expect(await observedAt({ ...CHARGES, dataSetNo: 2 })).toEqual({ a: 100 })
        expect(await deliver({ runNo: 4, observedAt: 299, records: [upsert('a', '2')] })).toMatchObject({ skipped: 1 })
      })

      test('give their newest versions by id, deleted ones included', async () => {
        expect(await store.records.versionsOf(CHARGES, ['a'])).toEqual([])
        await deliver({ records: [upsert('a', '1'), upsert('b', '1'), upsert('c', '1')] })
        await deliver({ target: { ...CHARGES, dataSetNo: 2 }, runNo: 2, records: [upsert('a', 'other')] })
        await deliver({ runNo: 3, observedAt: 200, records: [upsert('a', '1'), remove('b')] })
        const versions = await store.records.versionsOf(CHARGES, ['b', 'unknown', 'a'])
        expect([...versions].sort((x, y) => compareBytes(x.objectId, y.objectId))).toEqual([
          { objectId: 'a', runNo: 1, contentHash: 'hash of 1', observedAt: 200, deleted: false, body: '1' },
          { objectId: 'b', runNo: 3, contentHash: null, observedAt: 200, deleted: true, body: null },
        ])
      })

      test('are due for another look when their time has come, newest creation first', async () => {
        expect(await store.records.dueForRevisit(CHARGES, Infinity, 10)).toEqual([])
        const again = (id: string, createdAt: number | null, revisitAt: number | null) => ({
          ...upsert(id, '1'),
          createdAt,
          revisitAt,
        })
        await deliver({
          records: [
            again('a', 10, 50),
            again('b', 30, 60),
            again('c', 20, 50),
            again('never', 40, null),
            again('unknown creation', null, 50),
            again('deleted', 5, 50),
          ],
        })
        await deliver({ target: { ...CHARGES, resourcePath: 'refunds' }, runNo: 2, records: [again('d', 10, 50)] })
        await deliver({ runNo: 3, observedAt: 101, records: [remove('deleted')] })
        const due = async (at: number, limit = 10) =>
          (await store.records.dueForRevisit(CHARGES, at, limit)).map(({ objectId, createdAt }) => [
            objectId,
            createdAt,
          ])
        expect(await due(49)).toEqual([])
        expect(await due(50)).toEqual([
          ['c', 20],
          ['a', 10],
        ])
        expect(await due(Infinity, 2)).toEqual([
          ['b', 30],
          ['c', 20],
        ])
        await deliver({
          runNo: 4,
          observedAt: 102,
          records: [again('c', 20, null), { ...again('b', 30, null), body: '2', contentHash: 'other' }],
        })
        expect(await due(Infinity)).toEqual([
          ['c', 20],
          ['a', 10],
        ])
      })

      test('that have not been observed since a time come in the order of their ids, page by page', async () => {
        expect(await store.records.notObservedSince(CHARGES, 1000, null, 10)).toEqual([])
        const ids = Array.from({ length: 12_000 }, (_, index) => `id-${String(index).padStart(5, '0')}`)
        await deliver({ records: ids.map((id) => upsert(id, '1')) })
        await deliver({
          target: { ...CHARGES, resourcePath: 'refunds' },
          runNo: 2,
          records: [upsert('id-00000a', '1')],
        })
        const old = [ids[3]!, ids[700]!, ids[11_000]!, ids[11_999]!]
        const others = ids.filter((id) => !old.includes(id))
        await deliver({ runNo: 3, observedAt: 200, records: [...others.map((id) => upsert(id, '1')), remove('gone')] })
        await deliver({ runNo: 4, observedAt: 150, records: [remove(ids[700]!)] })
        const first = await store.records.notObservedSince(CHARGES, 200, null, 2)
        expect(first).toEqual(
          [ids[3], ids[11_000]].map((objectId) => ({
            objectId,
            runNo: 1,
            contentHash: 'hash of 1',
            observedAt: 100,
            deleted: false,
          })),
        )
        const rest = await store.records.notObservedSince(CHARGES, 200, first.at(-1)!.objectId, 2)
        expect(rest.map(({ objectId }) => objectId)).toEqual([ids[11_999]])
        expect(await store.records.notObservedSince(CHARGES, 100, null, 2)).toEqual([])
      })

      test('keep the row that a mapping made of them', async () => {
        await deliver({ records: [{ ...upsert('a', '1'), mapped: '{"x":1}' }] })
        expect(await store.records.delivered(1, 0, 1)).toMatchObject([{ body: '1', mapped: '{"x":1}' }])
        expect(await store.records.current(1, null, 1, false)).toMatchObject([{ mapped: '{"x":1}' }])
      })

      test('are kept as the text that they are given, be it in UTF-8', async () => {
        const text = '{"name":"한 é 😀"}'
        const bytes = new Uint8Array(Buffer.from(`xx${text}`)).subarray(2)
        await deliver({ records: [{ ...upsert('a', ''), body: bytes, mapped: bytes }, upsert('b', text)] })
        const kept = await store.records.delivered(1, 0, 2)
        expect(kept).toMatchObject([
          { body: text, mapped: text },
          { body: text, mapped: null },
        ])
      })

      test('that a mapping refused are kept beside the run until they are forgotten', async () => {
        const refused = [1, 2, 3].map((number) => ({ number, objectId: `r${number}`, body: '{}', reasons: '[]' }))
        await store.records.refuse(1, refused.slice(0, 2))
        await store.records.refuse(1, refused.slice(2))
        expect(await store.records.refused(1, 1, 1)).toEqual([refused[1]])
        expect(await store.records.refused(1, 0, 10)).toEqual(refused)
        expect(await store.records.refused(2, 0, 10)).toEqual([])
        const asked = ['r1', 'r3', 'r4', ...Array.from({ length: 1000 }, (_, index) => `x${index}`)]
        expect(await store.records.refusedAmong(1, asked)).toEqual(new Set(['r1', 'r3']))
        expect(await store.records.refusedAmong(2, asked)).toEqual(new Set())
        expect(await store.records.refusedAmong(1, [])).toEqual(new Set())
        await store.records.forgetRefused(1)
        expect(await store.records.refused(1, 0, 10)).toEqual([])
        expect(await current()).toEqual([])
      })

      test('without an id are only appended', async () => {
        const anonymous = { ...upsert('', '1'), objectId: null }
        const result = await deliver({ records: [anonymous, anonymous] })
        expect(result).toMatchObject({ created: 2, skipped: 0, lastSequence: 2 })
        expect((await deliver({ runNo: 2, records: [anonymous] })).created).toBe(1)
        expect(await store.records.delivered(1, 0, 10)).toMatchObject([{ objectId: null }, { objectId: null }])
        expect(await current(true)).toEqual([])
      })

      test('are one object for all connections and flows into a dataset', async () => {
        await deliver({ records: [upsert('a', '1')] })
        expect((await deliver({ runNo: 2, observedAt: 101, records: [upsert('a', '1')] })).skipped).toBe(1)
      })

      test('of other datasets, specs and resources are other objects', async () => {
        const targets = [
          CHARGES,
          { ...CHARGES, resourcePath: 'refunds' },
          { ...CHARGES, connectionSpecId: 'other' },
          { ...CHARGES, dataSetNo: 2 },
        ]
        for (const [index, target] of targets.entries()) {
          expect((await deliver({ target, runNo: index + 1, records: [upsert('a', '1')] })).created).toBe(1)
        }
        const items = await store.records.current(1, null, 10, false)
        expect(items.map(({ resourcePath }) => resourcePath).sort()).toEqual(['charges', 'charges', 'refunds'])
        expect(await store.records.current(2, null, 10, false)).toHaveLength(1)
      })

      test('are refused as a whole page when the sequence does not go on', async () => {
        await deliver({ records: [upsert('a', '1')] })
        await expect(deliver({ lastSequence: 0, records: [upsert('b', '1')] })).rejects.toThrow()
        expect(await current()).toEqual([['a', '1']])
      })

      test('of an empty page change nothing', async () => {
        expect(await deliver({ lastSequence: 7, records: [] })).toEqual({
          created: 0,
          updated: 0,
          deleted: 0,
          skipped: 0,
          repeated: 0,
          undecided: [],
          bytes: 0,
          lastSequence: 7,
        })
      })

      test('may come in pages of any size', async () => {
        const page = Array.from({ length: 2345 }, (_, index) => upsert(`id-${index}`, `${index}`))
        expect(await deliver({ records: page })).toMatchObject({ created: 2345, lastSequence: 2345 })
        expect(await deliver({ runNo: 2, observedAt: 101, records: page })).toMatchObject({ skipped: 2345 })
        const changed = page.map((record) => ({ ...record, contentHash: `${record.contentHash}!` }))
        expect(await deliver({ runNo: 3, observedAt: 102, records: changed })).toMatchObject({ updated: 2345 })
      })

      test('are listed by the bytes of their ids, page by page', async () => {
        const ids = ['a', 'B', 'é', '\uFF5E', '😀', 'a"', "a'", '']
        await deliver({ records: ids.map((id) => upsert(id, '1')) })
        await deliver({
          target: { ...CHARGES, resourcePath: 'refunds' },
          runNo: 2,
          records: ids.map((id) => upsert(id, '2')),
        })
        const seen: (string | null)[] = []
        for (let after = null; ;) {
          const page = await store.records.current(1, after, 3, false)
          seen.push(...page.map(({ objectId }) => objectId))
          if (page.length < 3) break
          after = page.at(-1)!.position
        }
        expect(seen).toEqual(ids.flatMap((id) => [id, id]).sort(compareBytes))
      })

      test('equal a plain evaluation of the rules for any sequence of pages', async () => {
        let dataSetNo = 100
        await fc.assert(
          fc.asyncProperty(fc.array(anyPage, { maxLength: 8 }), async (pages) => {
            dataSetNo += 1
            const model = new RecordModel()
            for (const { run, observedAt, force, records } of pages) {
              const runNo = dataSetNo * 10 + run
              const request = {
                target: { ...CHARGES, dataSetNo },
                runNo,
                lastSequence: model.lastSequence(runNo),
                observedAt,
                force,
                records,
              }
              const { lastSequence, skipped, repeated } = await store.records.deliver(request)
              expect({ lastSequence, skipped: skipped + repeated }).toEqual(model.deliver(request))
            }
            const items = await store.records.current(dataSetNo, null, 100, true)
            expect(items.map(({ objectId, body, runNo }) => ({ objectId, body, runNo }))).toEqual(model.current())
            const versions = await store.records.versionsOf({ ...CHARGES, dataSetNo }, ['a', 'b', 'c'])
            expect(new Map(versions.map(({ objectId, observedAt }) => [objectId, observedAt]))).toEqual(
              model.observed(),
            )
            for (const runNo of [1, 2, 3].map((run) => dataSetNo * 10 + run)) {
              const ids = (await store.records.delivered(runNo, 0, 100)).map(({ objectId }) => objectId)
              expect(new Set(ids).size).toBe(ids.length)
            }
          }),
          { numRuns: 200 },
        )
      }, 60_000)

      describe('and their history', () => {
        const cause = { eventId: 'evt_1', type: 'charge.updated', createdAt: 90 }
        const newest = async (dataSetNo = 1, resourcePath: string | null = null) =>
          store.records.newestVersions(dataSetNo, 'a', resourcePath)
        const versions = async (limit = 10) =>
          (await store.records.versionsFrom((await newest())[0]!, limit)).map((version) => [
            version.body,
            version.cause,
          ])

        test('goes from the newest version to the oldest, with the causes', async () => {
          await deliver({ records: [upsert('a', '1')] })
          await deliver({ runNo: 2, observedAt: 101, records: [{ ...upsert('a', '2'), cause }] })
          await deliver({ runNo: 3, observedAt: 102, records: [{ ...remove('a'), cause }] })
          await deliver({ runNo: 4, observedAt: 103, records: [upsert('a', '2')] })
          const all = [
            ['2', null],
            [null, cause],
            ['2', cause],
            ['1', null],
          ]
          expect(await versions()).toEqual(all)
          expect(await versions(3)).toEqual(all.slice(0, 3))
          const third = (await store.records.versionsFrom((await newest())[0]!, 10))[2]!
          expect(third).toMatchObject({ position: { runNo: 2, sequence: 1 }, runId: null, observedAt: 101 })
          expect(await store.records.versionsFrom(third.position, 1)).toEqual([third])
        })

        test('begins once in each record set of the dataset', async () => {
          await deliver({ records: [upsert('a', '1'), upsert('b', '1')] })
          await deliver({ target: { ...CHARGES, resourcePath: 'other' }, runNo: 2, records: [upsert('a', '2')] })
          await deliver({ target: { ...CHARGES, dataSetNo: 2 }, runNo: 3, records: [upsert('a', '3')] })
          expect((await newest()).map(({ runNo }) => runNo)).toEqual([1, 2])
          expect((await newest(1, 'other')).map(({ runNo }) => runNo)).toEqual([2])
          expect(await newest(1, 'none')).toEqual([])
          expect((await newest(2)).map(({ runNo }) => runNo)).toEqual([3])
        })

        test('is empty for an object that was gone before it was ever delivered', async () => {
          await deliver({ records: [remove('a')] })
          expect(await newest()).toEqual([])
          await deliver({ runNo: 2, observedAt: 101, records: [upsert('a', '1')] })
          expect(await versions()).toEqual([['1', null]])
        })

        test('has a cause only for what was delivered because of it', async () => {
          await deliver({ records: [upsert('a', '1')] })
          const twice = [{ ...upsert('a', '2'), cause }, upsert('b', '1')]
          await deliver({ runNo: 2, observedAt: 90, records: twice })
          await deliver({ runNo: 3, observedAt: 101, records: [{ ...upsert('a', '1'), cause }] })
          expect(await versions()).toEqual([['1', null]])
        })

        test('loses its causes with a work that throws, and with the dataset', async () => {
          const failure = new Error('no')
          const caused = {
            target: CHARGES,
            runNo: 1,
            lastSequence: 0,
            observedAt: 100,
            records: [{ ...upsert('a', '1'), cause }],
          }
          const failed = store.transaction(async (scope) => {
            await scope.records.deliver(caused)
            throw failure
          })
          await expect(failed).rejects.toBe(failure)
          await deliver({ records: [upsert('a', '1')] })
          expect(await versions()).toEqual([['1', null]])
          await store.records.deleteDataSet(1)
          expect(await newest()).toEqual([])
          await store.records.deliver(caused)
          expect(await versions()).toEqual([['1', cause]])
          await store.records.deleteDataSet(1)
          await deliver({ records: [upsert('a', '1')] })
          expect(await versions()).toEqual([['1', null]])
        })
      })

      test('are gone with their dataset, and others stay', async () => {
        await deliver({ records: [upsert('a', '1')] })
        await deliver({ target: { ...CHARGES, dataSetNo: 2 }, runNo: 2, records: [upsert('a', '2')] })
        await store.records.fixPageEnd(1, 0, 100, 1)
        await store.records.fixPageEnd(2, 0, 100, 1)
        await store.records.deleteDataSet(1)
        expect(await store.records.current(1, null, 10, true)).toEqual([])
        expect(await store.records.delivered(1, 0, 10)).toEqual([])
        expect(await store.records.fixedPageEnd(1, 0, 100)).toBeNull()
        expect(await store.records.current(2, null, 10, true)).toHaveLength(1)
        expect(await store.records.delivered(2, 0, 10)).toHaveLength(1)
        expect(await store.records.fixedPageEnd(2, 0, 100)).toBe(1)
        expect((await deliver({ runNo: 3, records: [upsert('a', '1')] })).created).toBe(1)
      })

      test('keep the page end that was fixed first', async () => {
        expect(await store.records.fixedPageEnd(1, 0, 100)).toBeNull()
        expect(await store.records.fixPageEnd(1, 0, 100, 40)).toBe(40)
        expect(await store.records.fixPageEnd(1, 0, 100, 60)).toBe(40)
        expect(await store.records.fixedPageEnd(1, 0, 100)).toBe(40)
        expect(await store.records.fixPageEnd(1, 0, 50, 45)).toBe(45)
        expect(await store.records.fixPageEnd(1, 40, 100, 90)).toBe(90)
      })
    })

    describe('audits', () => {
      const finding = (kind: AuditFindingKind, objectId: string): AuditFinding => ({ kind, objectId })

      test('keep their findings in the order in which they were added, numbered without gaps', async () => {
        await store.audits.addFindings(1, [finding('missing', 'b'), finding('stale', 'a')])
        await store.audits.addFindings(1, [])
        await store.audits.addFindings(2, [finding('extra', 'a')])
        await store.audits.addFindings(1, [finding('extra', 'c')])
        expect(await store.audits.findings(1, 0, 10)).toEqual([
          { number: 1, kind: 'missing', objectId: 'b' },
          { number: 2, kind: 'stale', objectId: 'a' },
          { number: 3, kind: 'extra', objectId: 'c' },
        ])
        expect((await store.audits.findings(1, 1, 1)).map(({ number }) => number)).toEqual([2])
        expect(await store.audits.findings(2, 0, 10)).toEqual([{ number: 1, kind: 'extra', objectId: 'a' }])
        expect(await store.audits.findings(3, 0, 10)).toEqual([])
      })

      test('keep an object as it was found first', async () => {
        await store.audits.addFindings(1, [finding('missing', 'a'), finding('stale', 'a')])
        await store.audits.addFindings(1, [finding('extra', 'a'), finding('extra', 'b')])
        expect(await store.audits.findings(1, 0, 10)).toEqual([
          { number: 1, kind: 'missing', objectId: 'a' },
          { number: 2, kind: 'extra', objectId: 'b' },
        ])
      })

      test('know which objects they have found', async () => {
        await store.audits.addFindings(1, [finding('missing', 'a'), finding('stale', 'b')])
        await store.audits.addFindings(2, [finding('extra', 'c')])
        const many = Array.from({ length: 1200 }, (_, index) => `id-${index}`)
        expect(await store.audits.found(1, [...many, 'a', 'b', 'c'])).toEqual(new Set(['a', 'b']))
        expect(await store.audits.found(1, [])).toEqual(new Set())
      })

      test('count their findings by kind and forget them', async () => {
        expect(await store.audits.countFindings(1)).toEqual({ missing: 0, extra: 0, stale: 0 })
        const many = Array.from({ length: 1200 }, (_, index) => finding('missing', `id-${index}`))
        await store.audits.addFindings(1, [...many, finding('stale', 'a')])
        await store.audits.addFindings(2, [finding('extra', 'a')])
        expect(await store.audits.countFindings(1)).toEqual({ missing: 1200, extra: 0, stale: 1 })
        await store.audits.deleteFindings(1)
        expect(await store.audits.countFindings(1)).toEqual({ missing: 0, extra: 0, stale: 0 })
        expect(await store.audits.countFindings(2)).toEqual({ missing: 0, extra: 1, stale: 0 })
      })
    })

    describe('clients and settings', () => {
      const client = { clientId: 'c', secretHash: 'scrypt$s$h', orgId: 'o@AdobeOrg', createdAt: 5 }

      test('are stored and found', async () => {
        expect(await store.clients.countClients()).toBe(0)
        await store.clients.insertClient(client)
        expect(await store.clients.countClients()).toBe(1)
        expect(await store.clients.getClient('c')).toEqual(client)
        expect(await store.clients.getClient('d')).toBeNull()
        await expect(store.clients.insertClient(client)).rejects.toThrow()
      })

      test('keep the first id of a sandbox', async () => {
        expect(await store.clients.getSandbox(TENANT.orgId, 'prod')).toBeNull()
        expect(await store.clients.ensureSandbox(TENANT)).toEqual(TENANT)
        expect(await store.clients.ensureSandbox({ ...TENANT, sandboxId: 'another' })).toEqual(TENANT)
        expect(await store.clients.getSandbox(TENANT.orgId, 'prod')).toEqual(TENANT)
        expect(await store.clients.getSandbox('other@AdobeOrg', 'prod')).toBeNull()
      })

      test('are replaced by name', async () => {
        expect(await store.settings.get('x')).toBeNull()
        await store.settings.set('x', '1')
        await store.settings.set('x', '2')
        expect(await store.settings.get('x')).toBe('2')
      })
    })
  })
}

// --- builders ---

const CHARGES = { dataSetNo: 1, connectionSpecId: 'stripe', resourcePath: 'charges' }

function flow(document: Partial<EntityDocument>): NewEntity {
  return {
    kind: 'flows',
    tenant: TENANT,
    etag: '"1"',
    document: { id: 'flow', createdAt: 1, updatedAt: 1, ...document },
  }
}

function run(document: Partial<EntityDocument>): NewEntity {
  return { ...flow(document), kind: 'runs' }
}

function runState(state: Partial<RunState>): RunState {
  return { runNo: 1, flowNo: 1, status: 'scheduled', notBefore: 0, lastSequence: 0, checkpoint: null, ...state }
}

function upsert(objectId: string, body: string): ObservedRecord {
  return { objectId, operation: 'upsert', body, contentHash: `hash of ${body}` }
}

function remove(objectId: string): ObservedRecord {
  return { objectId, operation: 'delete', body: null, contentHash: null }
}

function where(path: string, operator: ComparisonOperator, ...values: string[]): Comparison {
  const segments = path.split('.').map((name) => ({ name: name.replace(/\[\]$/, ''), each: name.endsWith('[]') }))
  return { path: segments, operator, values }
}

function ascending(path: string): OrderField[] {
  return [{ path: path.split('.'), direction: 'asc' }]
}

function descending(path: string): OrderField[] {
  return [{ path: path.split('.'), direction: 'desc' }]
}

function idsOf(items: readonly { readonly id: string }[]): string[] {
  return items.map(({ id }) => id)
}

/** The ids of a whole list, page by page. */
async function pagesOf(
  store: Store,
  kind: EntityKind,
  order: ListQuery['order'],
  limit: number,
  { tenant = TENANT, filter = [] }: { tenant?: TenantKey; filter?: readonly Comparison[] } = {},
): Promise<string[][]> {
  const pages: string[][] = []
  let after: ListPosition | null = null
  for (;;) {
    const items: Awaited<ReturnType<Store['entities']['list']>> = await store.entities.list(tenant, kind, {
      filter,
      order,
      limit,
      after,
    })
    if (items.length > 0) pages.push(idsOf(items))
    if (items.length < limit) return pages
    after = store.entities.positionOf(items.at(-1)!, order)
  }
}

// --- the reference: filter and order over documents in memory ---

const NAMES = ['a', 'b', 'x"y', 'c.d', 'é', 'state', 'status']
const TEXTS = ['', 'a', 'A', 'b', '5', '10', 'true', 'Enabled', 'enabled', '\uFF5E', '😀', "'", '1e1']
const NUMBERS = [0, 1, 5, 10, -1, 0.5, 1.25, 1e15]

const anyValue = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<JsonValue>(null, true, false, ...TEXTS, ...NUMBERS),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 3 }),
  ),
})).value

const anyDocument = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...NAMES.filter((name) => name !== 'state')), anyValue, { maxKeys: 4 }),
    fc.record({ updatedAt: fc.nat(5), createdAt: fc.nat(5) }),
    fc.record({ state: fc.constantFrom('enabled', 'Enabled', 'draft') }, { requiredKeys: [] }),
  )
  .map(([members, times, state]) => ({ ...members, ...times, ...state }))

const anyPathName = fc.constantFrom(...NAMES, 'updatedAt')

const anyComparison: fc.Arbitrary<Comparison> = fc
  .tuple(
    fc.array(fc.record({ name: anyPathName, each: fc.boolean() }), { minLength: 1, maxLength: 3 }),
    fc.constantFrom(...COMPARISON_OPERATORS),
    fc.array(fc.constantFrom(...TEXTS, 'false', '5.0', '+1', '-1', '.5', '3'), { minLength: 1, maxLength: 3 }),
  )
  .map(([path, operator, values]) => ({
    path,
    operator,
    values: operator === '==' || operator === '!=' ? values : values.slice(0, 1),
  }))

const anyOrderField: fc.Arbitrary<OrderField> = fc.record({
  path: fc.array(anyPathName, { minLength: 1, maxLength: 2 }),
  direction: fc.constantFrom('asc', 'desc'),
})

function reference(
  stored: readonly { readonly no: number; readonly document: EntityDocument }[],
  filter: readonly Comparison[],
  order: readonly OrderField[],
): string[] {
  const fields = order.length > 0 ? order : descending('updatedAt')
  return stored
    .filter(({ document }) => filter.every((comparison) => matches(document, comparison)))
    .sort((a, b) => {
      for (const { path, direction } of fields) {
        const [left, right] = [sortValue(a.document, path), sortValue(b.document, path)]
        if (left === null || right === null) {
          if (left !== right) return left === null ? 1 : -1
          continue
        }
        const difference = compareScalars(left, right)
        if (difference !== 0) return direction === 'asc' ? difference : -difference
      }
      return b.no - a.no
    })
    .map(({ document }) => document.id)
}

function matches(document: EntityDocument, { path, operator, values }: Comparison): boolean {
  let reached: JsonValue[] = [document]
  for (const { name, each } of path) {
    reached = reached.flatMap((node) => {
      if (!isJsonObject(node) || node[name] === undefined) return []
      const value = node[name]
      if (Array.isArray(value)) return value as JsonValue[]
      return each ? [] : [value]
    })
  }
  const fold = ['state', 'status'].includes(path.at(-1)!.name)
  const equals = (node: JsonValue, value: string) => {
    if (typeof node === 'number') return isNumeric(value) && node === Number(value)
    if (typeof node === 'boolean') return String(node) === value
    if (typeof node !== 'string') return false
    return fold ? node.toLowerCase() === value.toLowerCase() : node === value
  }
  if (operator === '==') return reached.some((node) => values.some((value) => equals(node, value)))
  if (operator === '!=')
    return reached.length > 0 && !reached.some((node) => values.some((value) => equals(node, value)))
  const holds = (difference: number) =>
    ({ '>': difference > 0, '<': difference < 0, '>=': difference >= 0, '<=': difference <= 0 })[operator]
  const limit = values[0]!
  return reached.some((node) => {
    if (typeof node === 'number') return isNumeric(limit) && holds(node - Number(limit))
    if (typeof node !== 'string') return false
    return holds(fold ? compareBytes(node.toLowerCase(), limit.toLowerCase()) : compareBytes(node, limit))
  })
}

function isNumeric(text: string): boolean {
  return text !== '' && Number.isFinite(Number(text))
}

function sortValue(document: EntityDocument, path: readonly string[]): string | number | null {
  let value: JsonValue | undefined = document
  for (const name of path) value = isJsonObject(value) ? value[name] : undefined
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

function compareScalars(a: string | number, b: string | number): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1
  return typeof b === 'number' ? 1 : compareBytes(a, b)
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

// --- the reference of the record rules ---

const anyPage = fc.record({
  run: fc.constantFrom(1, 2, 3),
  observedAt: fc.nat(6),
  force: fc.boolean(),
  records: fc.array(
    fc
      .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2', null))
      .map(([id, body]) => (body === null ? remove(id) : upsert(id, body))),
    { maxLength: 5 },
  ),
})

interface ModelObject {
  runNo: number
  body: JsonText | null
  observedAt: number
  isDelivered: boolean
}

class RecordModel {
  readonly #objects = new Map<string, ModelObject>()
  readonly #sequences = new Map<number, number>()
  readonly #delivered = new Set<string>()

  lastSequence(runNo: number): number {
    return this.#sequences.get(runNo) ?? 0
  }

  deliver({ runNo, observedAt, records, force = false }: DeliverRequest): { lastSequence: number; skipped: number } {
    let skipped = 0
    const seen = new Set<string>()
    for (const { objectId, body } of records) {
      const id = objectId!
      if (seen.has(id) || !this.#take(id, { runNo, body, observedAt, isDelivered: true }, force)) skipped += 1
      else {
        this.#sequences.set(runNo, this.lastSequence(runNo) + 1)
        this.#delivered.add(`${runNo} ${id}`)
      }
      seen.add(id)
    }
    return { lastSequence: this.lastSequence(runNo), skipped }
  }

  current(): { objectId: string; body: JsonText | null; runNo: number }[] {
    return [...this.#objects]
      .filter(([, { isDelivered }]) => isDelivered)
      .map(([objectId, { body, runNo }]) => ({ objectId, body, runNo }))
      .sort((a, b) => compareBytes(a.objectId, b.objectId))
  }

  observed(): Map<string, number> {
    return new Map([...this.#objects].map(([id, { observedAt }]) => [id, observedAt]))
  }

  /** False when the version is not delivered. */
  #take(id: string, version: ModelObject, force: boolean): boolean {
    const known = this.#objects.get(id)
    if (!known) {
      this.#objects.set(id, { ...version, isDelivered: version.body !== null })
      return version.body !== null
    }
    if (version.observedAt < known.observedAt) return false
    if (known.body === null && version.body !== null && version.observedAt === known.observedAt) return false
    const isRepeated = known.isDelivered && known.runNo === version.runNo
    if (known.body === version.body && (!force || version.body === null || isRepeated)) {
      known.observedAt = version.observedAt
      return false
    }
    if (this.#delivered.has(`${version.runNo} ${id}`)) {
      if (known.body === version.body) known.observedAt = version.observedAt
      return false
    }
    this.#objects.set(id, version)
    return true
  }
}
