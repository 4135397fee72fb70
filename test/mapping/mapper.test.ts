import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { createMapper } from '../../src/mapping/mapper.ts'
import type { MapperOptions, MappingRule, SourceType } from '../../src/mapping/mapper.ts'
import { parseMappingSetBody } from '../../src/mapping/mapping-set-body.ts'
import type { TargetType } from '../../src/mapping/target-type.ts'

const read = (name: string) => JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'))

type Row = [source: string, destination: string, sourceType?: SourceType]
const rules = (rows: readonly Row[]): MappingRule[] =>
  rows.map(([source, destination, sourceType = 'ATTRIBUTE']) => ({ source, destination, sourceType }))

function map(rows: readonly Row[], record: unknown, schema: TargetType | null = null, options: MapperOptions = {}) {
  const result = createMapper({ mappings: rules(rows) }, schema, options).map(record)
  return result.ok ? result.xdm : result.errors.map(({ message }) => message)
}

const text = { type: 'string' }
const integer = { type: 'integer' }
const object = (properties: Readonly<Record<string, TargetType>>) => ({ type: 'object', properties })

describe('the mapping of the Stripe tutorial', () => {
  const { mappings } = parseMappingSetBody(read('stripe-charges-mapping.json'), { needsSchema: true })
  const mappingSet = { mappings: mappings.map(({ rule }) => rule) }
  const charge = read('charge.json')

  test('maps a charge', () => {
    expect(createMapper(mappingSet, null).map({ data: charge })).toEqual({
      ok: true,
      xdm: {
        _acme: {
          charges_data: {
            id: charge.id,
            object: 'charge',
            amount: 1099,
            amount_captured: 1099,
            amount_refunded: 0,
            balance_transaction: charge.balance_transaction,
            calculated_statement_descriptor: 'Stripe',
            captured: true,
            created: 1_679_090_539,
            currency: 'usd',
            disputed: false,
            livemode: false,
            paid: true,
            payment_method: charge.payment_method,
            receipt_url: charge.receipt_url,
            refunded: false,
            status: 'succeeded',
            outcome: {
              network_status: 'approved_by_network',
              risk_level: 'normal',
              risk_score: 32,
              seller_message: 'Payment complete.',
              type: 'authorized',
            },
            payment_method_details: {
              type: 'card',
              card: {
                brand: 'visa',
                checks: {},
                country: 'US',
                exp_month: 3,
                exp_year: 2024,
                fingerprint: 'mToisGZ01V71BCos',
                funding: 'credit',
                last4: '4242',
                network: 'visa',
              },
            },
          },
        },
      },
    })
  })

  test('leaves the source as it was', () => {
    const before = structuredClone(charge)
    const mapper = createMapper(mappingSet, null)
    mapper.map({ data: charge })
    mapper.map({ data: charge })
    expect(charge).toEqual(before)
  })

  test('a schema with another type for one field refuses the row and names the field', () => {
    const schema = object({
      _acme: object({ charges_data: object({ id: integer, outcome: object({ risk_score: text }) }) }),
    })
    const result = createMapper(mappingSet, schema, { undefinedPaths: 'pass' }).map({ data: charge })
    expect(result).toEqual({
      ok: false,
      errors: [
        {
          path: '_acme.charges_data.id',
          message: `_acme.charges_data.id is a string "${charge.id}", and the schema wants integer.`,
          rule: expect.objectContaining({ source: 'data.id' }),
        },
      ],
    })
  })
})

describe('objects', () => {
  const record = { a: { x: 1, y: { z: 2, w: null } }, b: { x: 9, y: { v: 3 } } }

  test('are merged member by member, and the later mapping wins on a leaf', () => {
    const rows: Row[] = [
      ['a', 't'],
      ['b', 't'],
    ]
    expect(map(rows, record)).toEqual({ t: { x: 9, y: { z: 2, v: 3 } } })
    expect(map(rows.toReversed(), record)).toEqual({ t: { x: 1, y: { v: 3, z: 2 } } })
  })

  test('a leaf after its object wins, and an object after its leaf wins', () => {
    expect(
      map(
        [
          ['a', 't'],
          ['b.x', 't.x'],
        ],
        record,
      ),
    ).toEqual({ t: { x: 9, y: { z: 2 } } })
    expect(
      map(
        [
          ['b.x', 't.x'],
          ['a', 't'],
        ],
        record,
      ),
    ).toEqual({ t: { x: 1, y: { z: 2 } } })
  })

  test('null in a copied object leaves what is there', () => {
    expect(
      map(
        [
          ['b.x', 't.y.w'],
          ['a', 't'],
        ],
        record,
      ),
    ).toEqual({ t: { x: 1, y: { z: 2, w: 9 } } })
  })

  test('a value and an object at the same place: the later one stays', () => {
    expect(
      map(
        [
          ['a.x', 't'],
          ['b.x', 't.x'],
        ],
        record,
      ),
    ).toEqual({ t: { x: 9 } })
    expect(
      map(
        [
          ['a', 't'],
          ['b.x', 't'],
        ],
        record,
      ),
    ).toEqual({ t: 9 })
  })
})

test('a missing or null source leaves the target unset', () => {
  const record = { a: null, b: { c: null }, d: [] }
  expect(
    map(
      [
        ['a', 'x'],
        ['b.c', 'y.z'],
        ['no.such', 'p'],
        ['d[0]', 'q'],
        ['a.b.c', 'r'],
      ],
      record,
    ),
  ).toEqual({})
  for (const nothing of [null, undefined, 1, 'text', []]) expect(map([['a', 'x']], nothing)).toEqual({})
})

test('nullify takes away what another mapping copied', () => {
  const rows: Row[] = [
    ['a', 't'],
    ['iif(a.secret != null, nullify(), null)', 't.secret', 'EXPRESSION'],
    ['nullify()', 'nowhere.there', 'EXPRESSION'],
  ]
  expect(map(rows, { a: { secret: 'x', open: 1 } })).toEqual({ t: { open: 1 } })
})

test('a static value is written as it is, in the type of the target', () => {
  const schema = object({ n: integer, d: { type: 'number' }, s: text, b: { type: 'boolean' } })
  const rows: Row[] = [
    ['12', 'n', 'STATIC'],
    ['1.5', 'd', 'STATIC'],
    ['12', 's', 'STATIC'],
    ['yes', 'b', 'STATIC'],
  ]
  expect(map(rows, {}, schema)).toEqual({ n: 12, d: 1.5, s: '12', b: true })
  expect(map([['data.id', 's', 'STATIC']], { data: { id: 1 } }, schema)).toEqual({ s: 'data.id' })
  expect(map([['x', 'n', 'STATIC']], {}, schema)).toEqual(['n is a string "x", and the schema wants integer.'])
})

describe('arrays', () => {
  const record = { lines: [{ a: 1, t: ['p', 'q'] }, { a: null }, { a: 3, b: 'y', t: ['r'] }], one: { a: 5 } }

  test.each<[Row[], unknown]>([
    [[['lines[0].a', 'x']], { x: 1 }],
    [[['lines[*].a', 'x']], { x: [1, 3] }],
    [[['lines[*].t[*]', 'x']], { x: ['p', 'q', 'r'] }],
    [[['lines[*].t', 'x']], { x: [['p', 'q'], ['r']] }],
    [[['lines', 'x']], { x: [{ a: 1, t: ['p', 'q'] }, {}, { a: 3, b: 'y', t: ['r'] }] }],
    [
      [
        ['lines[*].a', 'x[*].value'],
        ['lines[*].b', 'x[*].name'],
      ],
      { x: [{ value: 1 }, { value: 3, name: 'y' }] },
    ],
    [[['lines[*].t[*]', 'x[*].y[*].z']], { x: [{ y: [{ z: 'p' }, { z: 'q' }] }, { y: [{ z: 'r' }] }] }],
    [[['one.a', 'x[*].value']], { x: [{ value: 5 }] }],
    [
      [
        ['one.a', 'x[1].value'],
        ['lines[0].a', 'x[0].value'],
      ],
      { x: [{ value: 1 }, { value: 5 }] },
    ],
    [[['one.a', 'x[3]']], { x: [5] }],
    [[['one[*].a', 'x']], {}],
  ])('%j', (rows, result) => {
    expect(map(rows, record)).toEqual(result)
  })
})

describe('types', () => {
  const one = (value: unknown, type: TargetType) => {
    const result = map([['v', 't']], { v: value }, object({ t: type }))
    return Array.isArray(result) ? 'refused' : result['t']
  }

  test.each<[unknown, TargetType, unknown]>([
    ['a', text, 'a'],
    [12, text, '12'],
    [true, text, 'true'],
    [{}, text, 'refused'],
    [[], text, 'refused'],
    [12, integer, 12],
    [12.5, integer, 'refused'],
    ['12', integer, 'refused'],
    [true, integer, 'refused'],
    [12.5, { type: 'number' }, 12.5],
    ['12.5', { type: 'number' }, 'refused'],
    [true, { type: 'boolean' }, true],
    ['YES', { type: 'boolean' }, true],
    ['off', { type: 'boolean' }, false],
    ['maybe', { type: 'boolean' }, 'refused'],
    [1, { type: 'boolean' }, 'refused'],
    [{ a: 1 }, { type: 'object' }, { a: 1 }],
    ['a', { type: 'object' }, 'refused'],
    [['a', 1], { type: 'array', items: text }, ['a', '1']],
    [['a'], { type: 'array', items: integer }, 'refused'],
    ['a', { type: 'array', items: text }, 'refused'],
    [1, { type: null }, 1],
    [1, {}, 1],
    ['a', { type: 'integer', types: ['integer', 'string'] }, 'a'],
    ['2020-01-31', { type: 'string', format: 'date' }, '2020-01-31'],
    ['2020-01-31T10:00:00+02:00', { type: 'string', format: 'date' }, '2020-01-31'],
    ['2020-01-31', { type: 'string', format: 'date-time' }, '2020-01-31T00:00:00Z'],
    ['2020-01-31T10:00:00.123456+02:00', { type: 'string', format: 'date-time' }, '2020-01-31T10:00:00.123456+02:00'],
    ['31-Jan-2020', { type: 'string', format: 'date-time' }, '2020-01-31T00:00:00Z'],
    ['soon', { type: 'string', format: 'date-time' }, 'refused'],
    [1_679_090_539, { type: 'string', format: 'date-time' }, 'refused'],
    ['http://x', { type: 'string', format: 'uri' }, 'http://x'],
    [{ a: 1 }, { type: 'object', additional: text }, { a: '1' }],
    [{ a: [1] }, { type: 'object', additional: text }, 'refused'],
  ])('%j into %j gives %j', (value, type, result) => {
    expect(one(value, type)).toEqual(result)
  })

  test('a date of an expression is written in the form of the target', () => {
    const row: Row = ['date("2020-01-31T10:00:00+02:00")', 't', 'EXPRESSION']
    expect(map([row], {}, object({ t: { type: 'string', format: 'date' } }))).toEqual({ t: '2020-01-31' })
    expect(map([row], {}, object({ t: text }))).toEqual({ t: '2020-01-31T10:00:00+02:00' })
    expect(map([row], {}, object({ t: integer }))).toEqual(['t is a date, and the schema wants integer.'])
  })

  test('all faults of a row are told, with the path inside a copied object', () => {
    const schema = object({ t: object({ a: integer, b: { type: 'array', items: integer } }), u: integer })
    expect(
      map(
        [
          ['v', 't'],
          ['w', 'u'],
        ],
        { v: { a: 'x', b: [1, 'y'] }, w: 'z' },
        schema,
      ),
    ).toEqual([
      't.a is a string "x", and the schema wants integer.',
      't.b is a string "y", and the schema wants integer.',
      'u is a string "z", and the schema wants integer.',
    ])
  })
})

describe('a path that the schema does not define', () => {
  const schema = object({ t: object({ a: integer }), list: { type: 'array', items: object({ a: integer }) } })
  const record = { v: 1, o: { a: 1, extra: 2 }, nothing: null }

  test('refuses the row in a run, and passes in a preview', () => {
    expect(map([['v', 't.b']], record, schema)).toEqual(['t.b is not defined in the schema.'])
    expect(map([['v', 't.b']], record, schema, { undefinedPaths: 'pass' })).toEqual({ t: { b: 1 } })
    expect(map([['v', 't.a.b']], record, schema)).toEqual(['t.a.b is not defined in the schema.'])
  })

  test('hurts nobody while there is no value for it', () => {
    expect(map([['nothing', 't.b']], record, schema)).toEqual({})
  })

  test('inside a copied object it is copied too', () => {
    expect(map([['o', 't']], record, schema)).toEqual({ t: { a: 1, extra: 2 } })
    expect(map([['o', 't']], record, schema, { undefinedPaths: 'pass' })).toEqual({ t: { a: 1, extra: 2 } })
  })

  test('an array needs an index, and only an array takes one', () => {
    expect(map([['v', 'list[0].a']], record, schema)).toEqual({ list: [{ a: 1 }] })
    expect(map([['v', 'list.a']], record, schema)).toEqual([expect.stringContaining('write an index or [*]')])
    expect(map([['v', 't[0]']], record, schema)).toEqual([expect.stringContaining('no array')])
  })
})

test('what could be mapped is there for showing, beside the errors', () => {
  const schema = object({ a: integer, b: integer })
  const mapper = createMapper(
    {
      mappings: rules([
        ['x', 'a'],
        ['y', 'b'],
        ['1 / 0', 'b', 'EXPRESSION'],
      ]),
    },
    schema,
  )
  const { xdm, errors } = mapper.mapPartly({ x: 1, y: 'no' })
  expect(xdm).toEqual({ a: 1 })
  expect(errors.map(({ path, message, rule }) => [path, message, rule.source])).toEqual([
    ['b', 'b is a string "no", and the schema wants integer.', 'y'],
    ['b', 'b could not be computed: division by zero.', '1 / 0'],
  ])
})

test('names of the prototype are plain members of the target', () => {
  const names = ['__proto__', 'constructor', 'toString']
  const result = map(
    names.flatMap((name): Row[] => [
      ['v', name],
      ['o', `t.${name}.polluted`],
      ['o', `u.${name}`],
    ]),
    JSON.parse('{"v": 1, "o": {"__proto__": {"polluted": true}}}'),
  ) as Record<string, object>
  expect(Object.keys(result)).toEqual(expect.arrayContaining([...names, 't', 'u']))
  expect(Object.keys(result['t'] ?? {})).toEqual(names)
  expect(Object.getPrototypeOf(result['u'])).toBe(Object.prototype)
  expect('polluted' in {}).toBe(false)
})

test('a record that is nested without end refuses the row', () => {
  let deep: unknown = 1
  for (let level = 0; level < 20_000; level++) deep = { a: deep }
  expect(map([['a', 't']], { a: deep })).toEqual([expect.stringContaining('nested more than 100 levels deep')])
})

test('a row that costs too much is refused', () => {
  const copies = Array.from({ length: 300 }, (_, number): Row => ['v', `t${number}`])
  expect(map(copies, { v: Array(10_000).fill(1) })).toEqual(
    expect.arrayContaining([expect.stringContaining('too many steps')]),
  )
})

test('a mapping that cannot be read is refused at once', () => {
  expect(() => createMapper({ mappings: rules([['a b', 't']]) }, null)).toThrow('the source cannot be read')
  expect(() => createMapper({ mappings: rules([['a', 't.for']]) }, null)).toThrow('the destination cannot be read')
  expect(() => createMapper({ mappings: rules([['nope()', 't', 'EXPRESSION']]) }, null)).toThrow('no function nope')
})
