import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  connectionBody,
  create,
  createChain,
  flowBody,
  FLOW_SERVICE,
  NOW,
  patch,
  sourceBody,
  startFlowHost,
} from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'
import { expectProblem } from './shapes.ts'
import { openWire } from './wire.ts'
import type { Wire, WireAnswer } from './wire.ts'

/** Lists as a client meets them on the wire: contract, section 2.1. */

let host: FlowHost
let wire: Wire
let chain: Chain
/** Flows of ACME in prod by name, oldest first. */
const flows = new Map<string, string>()

const NAMES = [
  'beta',
  'alpha',
  'Zulu',
  'gamma, with a comma',
  'say "hi" <b>',
  'a&b=c;d+e',
  'ünïcödé 漢字 🎉',
  '100%',
  '42',
]

beforeAll(async () => {
  host = await startFlowHost()
  wire = await openWire(host.host.router)
  chain = await createChain(host.api, { name: 'first', description: 'x' })
  flows.set('first', chain.flowId)
  for (const name of NAMES) {
    host.clock.time += 1000
    flows.set(name, await create(host.api, 'flows', { ...flowBody(chain.sourceId, chain.targetId), name }))
  }
})
afterAll(async () => {
  await wire.close()
  await host.stop()
})

const query = (parameters: Record<string, string>) => `?${new URLSearchParams(parameters)}`
const idsOf = (body: { items: { id: string }[] }) => body.items.map(({ id }) => id)
const namesOf = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name)

/** A GET whose target goes out exactly as it stands here. */
const ask = (path: string, api: TestApi = host.api): Promise<WireAnswer> =>
  wire.as(api)({ method: 'GET', target: FLOW_SERVICE + path })

async function list(path: string, api: TestApi = host.api) {
  const answer = await ask(path, api)
  expect([path, answer.status, answer.text]).toEqual([path, 200, expect.any(String)])
  return answer.body
}

/** Follows the links of a list to its end. */
async function walk(path: string, api: TestApi, onPage: () => Promise<void> | void = () => {}): Promise<string[]> {
  const ids: string[] = []
  let body = await list(path, api)
  for (;;) {
    ids.push(...idsOf(body))
    await onPage()
    if (body._links.next === undefined) return ids
    body = await list(body._links.next.href, api)
  }
}

describe('pages of a list that changes while it is read', () => {
  const orders = [
    '',
    'createdAt',
    '-createdAt',
    'name,-createdAt',
    '-name',
    'state,name',
    'description,id',
    '-updatedAt,name',
  ]

  const MOST_CHANGES = 60

  /** Names and descriptions of which several are equal and some are missing. */
  const body = (index: number) => ({
    ...connectionBody(),
    name: `name ${index % 7}`,
    description: index % 3 === 0 ? undefined : `${index % 5}`,
  })

  const collections: readonly [string, (api: TestApi) => Promise<(index: number) => object>][] = [
    ['connections', async () => body],
    [
      'sourceConnections',
      async (api) => {
        const baseId = await create(api, 'connections', connectionBody())
        return (index) => ({ ...sourceBody(baseId), ...body(index), auth: undefined })
      },
    ],
  ]

  describe.each(collections)('%s', (collection, prepare) => {
    let api: TestApi
    let bodyOf: (index: number) => object
    /** They are there all along. */
    let steady: string[]
    let made = 0

    beforeAll(async () => {
      api = await host.as(ACME, collection === 'connections' ? 'dev' : 'stage')
      bodyOf = await prepare(api)
      steady = []
      for (let count = 0; count < 40; count++) steady.push(await createOne())
    })

    async function createOne(): Promise<string> {
      host.clock.time += made % 4 === 0 ? 1000 : 0
      const answer = await wire.as(api)({
        method: 'POST',
        target: `${FLOW_SERVICE}/${collection}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(bodyOf(made++)),
      })
      expect(answer.status).toBe(201)
      return answer.body.id
    }

    /** Creates and deletes without a pause until told to stop, but not for ever; resolves with how much it did. */
    async function disturb(signal: AbortSignal): Promise<number> {
      const mine: string[] = []
      let done = 0
      while ((!signal.aborted && done < MOST_CHANGES) || mine.length > 0) {
        if (!signal.aborted && done < MOST_CHANGES && mine.length < 5) mine.push(await createOne())
        else {
          const [id] = mine.splice(done % mine.length, 1)
          const answer = await wire.as(api)({ method: 'DELETE', target: `${FLOW_SERVICE}/${collection}/${id}` })
          expect(answer.status).toBe(204)
        }
        done++
      }
      return done
    }

    test.each(orders)('by "%s": none of those that stay is repeated or dropped', async (orderby) => {
      const stop = new AbortController()
      const disturbers = [disturb(stop.signal), disturb(stop.signal)]
      const parameters = { limit: '7', ...(orderby === '' ? {} : { orderby }) }
      const walks = await Promise.all([
        walk(`/${collection}${query(parameters)}`, api),
        walk(`/${collection}${query({ ...parameters, limit: '3' })}`, api),
      ]).finally(() => stop.abort())
      const changes = await Promise.all(disturbers)
      for (const done of changes) expect(done).toBeGreaterThan(1)
      for (const ids of walks) {
        expect(new Set(ids).size).toBe(ids.length)
        expect(ids.filter((id) => steady.includes(id)).toSorted()).toEqual(steady.toSorted())
      }
      // At rest the same walk gives the order of one page.
      const atRest = await list(`/${collection}${query({ ...parameters, limit: '1000' })}`, api)
      expect(await walk(`/${collection}${query(parameters)}`, api)).toEqual(idsOf(atRest))
      expect(idsOf(atRest)).toHaveLength(steady.length)
    })

    test('an entity that is patched between two pages drops none of the others', async () => {
      const parameters = query({ limit: '7' })
      const [patched = ''] = steady
      const rest = steady.slice(1)
      const ids = await walk(`/${collection}${parameters}`, api, async () => {
        host.clock.time += 1000
        expect((await patch(api, collection, patched, [{ op: 'replace', path: '/name', value: 'moved' }])).status).toBe(
          200,
        )
      })
      expect(ids.filter((id) => rest.includes(id)).toSorted()).toEqual(rest.toSorted())
    })
  })

  test('a page that ends at an entity which is then deleted is followed by the next one', async () => {
    const api = await host.as(GLOBEX, 'dev')
    const ids: string[] = []
    for (let count = 0; count < 6; count++) ids.push(await create(api, 'connections', body(count)))
    for (const orderby of ['createdAt', 'name', 'description']) {
      const first = await list(`/connections${query({ limit: '2', orderby })}`, api)
      const gone = idsOf(first)[1] ?? ''
      await api.delete(`${FLOW_SERVICE}/connections/${gone}`).expect(204)
      const rest = await walk(first._links.next.href, api)
      ids.splice(ids.indexOf(gone), 1)
      expect([idsOf(first)[0], ...rest].toSorted()).toEqual(ids.toSorted())
    }
  })

  test('texts that a database could take for others are paged like any others', async () => {
    const api = await host.as(ACME, 'stage')
    const texts = [
      'a',
      'a\u0000',
      'a\u0000b',
      'a\u0000c',
      'A',
      'é',
      'e\u0301',
      'ﬀ',
      '🎉',
      '\uffff',
      '\ufffd',
      '\ufeff',
      '1',
      '',
    ]
    const baseId = await create(api, 'connections', connectionBody())
    for (const name of texts) await create(api, 'sourceConnections', { ...sourceBody(baseId), name: `n${name}` })
    for (const orderby of ['name', '-name']) {
      const path = `/sourceConnections${query({ orderby, property: `baseConnectionId==${baseId}` })}`
      const atOnce = idsOf(await list(path, api))
      expect(atOnce).toHaveLength(texts.length)
      for (const limit of [1, 3]) expect(await walk(`${path}&limit=${limit}`, api)).toEqual(atOnce)
    }
  })

  test('a filter holds on every page, and only what it lets through is counted', async () => {
    const api = await host.as(GLOBEX)
    for (let count = 0; count < 10; count++) await create(api, 'connections', body(count))
    const property = 'name==name 1,name 2,name 3'
    const ids = await walk(`/connections${query({ limit: '2', property, orderby: 'name' })}`, api)
    const page = await list(`/connections${query({ property, orderby: 'name' })}`, api)
    expect(ids).toEqual(idsOf(page))
    expect(new Set(namesOf(page))).toEqual(new Set(['name 1', 'name 2', 'name 3']))
    expect(await list(`/connections${query({ property, count: 'true', limit: '1' })}`, api)).toEqual({
      count: ids.length,
    })
  })
})

describe('a projection', () => {
  test.each([
    ['property=name', ['id', 'name']],
    ['property=name,state', ['id', 'name', 'state']],
    ['property=name&property=state', ['id', 'name', 'state']],
    ['property=id', ['id']],
    ['property=nothing', ['id']],
    ['property=%6e%61me', ['id', 'name']],
  ])('%s keeps only those members and the id', async (parameters, members) => {
    const { items } = await list(`/flows?${parameters}&limit=2`)
    expect(items).toHaveLength(2)
    for (const item of items) expect(Object.keys(item).toSorted()).toEqual(members)
  })

  test('goes with a filter, an order and further pages', async () => {
    const first = await list('/flows?property=name&property=name!=beta&orderby=-name&limit=4')
    const rest = await list(first._links.next.href)
    const items = [...first.items, ...rest.items]
    expect(items.map((item: object) => Object.keys(item).join())).toEqual(items.map(() => 'id,name'))
    expect(namesOf({ items })).toEqual(namesOf({ items }).toSorted().reverse())
    expect(namesOf({ items })).not.toContain('beta')
  })

  test('does not change a count', async () => {
    expect(await list('/flows?property=name&count=true')).toEqual({ count: flows.size })
  })
})

describe('an order', () => {
  const order = async (orderby: string) => namesOf(await list(`/flows?orderby=${orderby}`))

  test('takes several fields with several signs, as text in the order of its characters', async () => {
    const byName = [...flows.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(await order('name')).toEqual(byName)
    expect(await order('state,+name')).toEqual(byName)
    expect(await order('state,%20name')).toEqual(byName)
    expect(await order('state,%2Bname,-createdAt')).toEqual(byName)
    expect(await order('flowSpec.id,-name')).toEqual(byName.toReversed())
    expect(await order('-state,-createdAt')).toEqual([...flows.keys()].toReversed())
    expect(await order('+createdAt')).toEqual([...flows.keys()])
  })

  test('sorts numbers as numbers and puts missing values last, up and down', async () => {
    const api = await host.as(ACME, 'stage')
    const baseId = await create(api, 'connections', connectionBody())
    const own = new Map<string, string>()
    for (const n of [9, 10, -1, 2.5, undefined]) {
      const id = await create(api, 'sourceConnections', {
        ...sourceBody(baseId),
        params: { resourcePath: 'charges', n },
      })
      own.set(id, String(n))
    }
    const sorted = async (orderby: string) =>
      idsOf(await list(`/sourceConnections?orderby=${orderby}&property=baseConnectionId==${baseId}`, api)).map((id) =>
        own.get(id),
      )
    expect(await sorted('params.n')).toEqual(['-1', '2.5', '9', '10', 'undefined'])
    expect(await sorted('-params.n')).toEqual(['10', '9', '2.5', '-1', 'undefined'])
    expect(
      await walk(`/sourceConnections?orderby=-params.n&limit=1&property=baseConnectionId==${baseId}`, api),
    ).toEqual(idsOf(await list(`/sourceConnections?orderby=-params.n&property=baseConnectionId==${baseId}`, api)))
  })

  test.each([
    ['*name', '1432-400'],
    ['!name', '1432-400'],
    ['--name', '1432-400'],
    ['name,', '1433-400'],
    [',name', '1433-400'],
    ['name.', '1433-400'],
    ['name desc', '1433-400'],
    ['colour', '1433-400'],
  ] as const)('%s is refused with %s', async (orderby, code) => {
    expectProblem(await ask(`/flows${query({ orderby })}`), { code })
  })
})

describe('a filter in the request target', () => {
  const id = (name: string) => flows.get(name)
  const found = async (target: string) => idsOf(await list(target))

  test.each([...NAMES, 'first'])('finds the name %j percent-encoded and in double quotes', async (name) => {
    if (name.includes('"')) return
    expect(await found(`/flows?property=${encodeURIComponent(`name=="${name}"`)}`)).toEqual([id(name)])
    expect(await found(`/flows?property=name==%22${encodeURIComponent(name)}%22`)).toEqual([id(name)])
    if (!name.includes(',')) expect(await found(`/flows${query({ property: `name==${name}` })}`)).toEqual([id(name)])
  })

  test('takes raw " in the target', async () => {
    expect(await found('/flows?property=name=="beta"')).toEqual([id('beta')])
    expect(await found('/flows?property=name=="beta","alpha"&orderby=name')).toEqual([id('alpha'), id('beta')])
    expect(await found('/flows?property=name=="gamma,%20with%20a%20comma"')).toEqual([id('gamma, with a comma')])
    expect(await found('/flows?property=name=="gamma,+with+a+comma"')).toEqual([id('gamma, with a comma')])
  })

  test('takes raw < and > in the target', async () => {
    const since = NOW + 2000
    expect(await found(`/flows?property=createdAt>${since}&orderby=createdAt`)).toEqual([...flows.values()].slice(3))
    expect(await found(`/flows?property=createdAt>=${since}&orderby=createdAt`)).toEqual([...flows.values()].slice(2))
    expect(await found(`/flows?property=createdAt<${since}&orderby=createdAt`)).toEqual([...flows.values()].slice(0, 2))
    expect(await found(`/flows?property=createdAt<=${since}&property=createdAt>${NOW}`)).toEqual([
      id('alpha'),
      id('beta'),
    ])
    expect(await found('/flows?property=name>=Z&property=name<[&orderby=name')).toEqual([id('Zulu')])
  })

  test('takes raw [ and ] in the target', async () => {
    expect(await found(`/flows?property=sourceConnectionIds[]==${chain.sourceId}&limit=1000`)).toHaveLength(flows.size)
    expect(await found(`/flows?property=sourceConnectionIds[]!=${chain.sourceId}`)).toEqual([])
    const inherited = `inheritedAttributes.targetConnections[].id=="${chain.targetId}"`
    expect(await found(`/flows?property=${inherited}`)).toHaveLength(flows.size)
  })

  test('takes raw {, }, |, ^, \\ and ` in the target', async () => {
    expect(await found('/flows?property=name=={x}|^`\\')).toEqual([])
  })

  test('with = means ==, and != means none of the values', async () => {
    expect(await found('/flows?property=name=beta')).toEqual([id('beta')])
    const others = await found('/flows?property=name!=beta,alpha')
    expect(others).toHaveLength(flows.size - 2)
    expect(others).not.toContain(id('beta'))
  })

  test('on a path that does not exist matches nothing and is no error', async () => {
    for (const property of [
      'a.b.c==1',
      'a[].b!=1',
      'name.x==beta',
      'params.x>1',
      '__proto__==x',
      'constructor.name==Object',
    ]) {
      expect(await found(`/flows?property=${property}`)).toEqual([])
    }
  })

  test('compares a stored number as a number, a boolean with true and false', async () => {
    expect(await found(`/flows?property=createdAt==${NOW}.0`)).toEqual([id('first')])
    expect(await found('/flows?property=inheritedAttributes.properties.isSourceFlow==true')).toHaveLength(flows.size)
    expect(await found('/flows?property=inheritedAttributes.properties.isSourceFlow==false')).toEqual([])
  })

  test.each([
    ['property=name~beta', '1440-400'],
    ['property=name=~beta', '1450-400'],
    ['property===beta', '1450-400'],
    ['property=name=="beta', '1450-400'],
    ['property=createdAt>1,2', '1443-400'],
    ['property=id<1', '1448-400'],
    ['property=name==', '1453-400'],
    ['property=name==a,,b', '1453-400'],
    ['property=createdAt>=soon', '1452-400'],
    ['limit=0', '1452-400'],
    ['limit=-5', '1452-400'],
    ['limit=1.5', '1452-400'],
    ['count=perhaps', '1452-400'],
    ['continuationToken=AAAA', '1452-400'],
  ] as const)('%s is refused with %s', async (parameters, code) => {
    expectProblem(await ask(`/flows?${parameters}`), { code })
  })

  test.each(['', 'property=', 'property={{filter}}', 'limit=&orderby=&count=', 'continuationToken={{next}}', '&&&'])(
    '"%s" is a list without parameters',
    async (parameters) => {
      expect(await found(`/flows?${parameters}`)).toHaveLength(flows.size)
    },
  )

  test('a count is a count whatever its letter case, and whatever limit says', async () => {
    for (const count of ['true', 'True', 'TRUE']) {
      expect(await list(`/flows?count=${count}&limit=1&orderby=name`)).toEqual({ count: flows.size })
    }
    expect(await list('/flows?count=False&limit=1')).toMatchObject({ items: [{}] })
    expect(await list('/flows?count=true&property=name=="beta","nobody"')).toEqual({ count: 1 })
  })
})
