import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { inferSchema, withoutNulls } from '../../../src/flow/explore/infer-schema.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'

const INTEGER = { type: 'integer', minimum: -9007199254740992, maximum: 9007199254740991 }
const OPEN_OBJECT = { type: 'object', properties: {} }

/** The schema of the attribute `a` after it was seen with each of these values, one record each. */
function schemaOf(...values: JsonValue[]): unknown {
  return (inferSchema(values.map((a) => ({ a })))['properties'] as JsonObject)['a']
}

describe('one attribute', () => {
  test.each<[string, JsonValue[], unknown]>([
    ['null everywhere says nothing', [null, null], {}],
    ['a string', ['x'], { type: 'string' }],
    ['a date has no format', ['2024-05-01T00:00:00Z'], { type: 'string' }],
    ['a decimal in a string stays a string', ['12.50'], { type: 'string' }],
    ['a boolean', [false], { type: 'boolean' }],
    ['an integer has bounds', [1], INTEGER],
    ['an integer written as 1.0', [JSON.parse('1.0')], INTEGER],
    ['a fraction is a number', [0.5], { type: 'number' }],
    ['an integer beyond the bounds is a number', [2 ** 60], { type: 'number' }],
    ['the bounds belong to the integers', [-(2 ** 53), 2 ** 53 - 1], INTEGER],
    ['an object', [{ b: 'x' }], { type: 'object', properties: { b: { type: 'string' } } }],
    ['an empty object keeps its properties', [{}], OPEN_OBJECT],
    ['an array', [['x', 'y']], { type: 'array', items: { type: 'string' } }],
    ['an empty array', [[]], { type: 'array', items: {} }],
    ['an array of nulls', [[null]], { type: 'array', items: {} }],
    ['nested arrays', [[[1], []]], { type: 'array', items: { type: 'array', items: INTEGER } }],
    ['null in one record and a string in another', [null, 'x'], { type: 'string' }],
    ['null in one record and an object in another', [{ b: 1 }, null], { type: 'object', properties: { b: INTEGER } }],
    ['an integer and a fraction', [1, 0.5], { type: 'number' }],
    ['a string and an integer', ['x', 1], { type: 'string' }],
    ['a string and an object', ['cus_1', { id: 'cus_1' }], { type: 'string' }],
    ['an object and an array', [{}, []], { type: 'string' }],
    ['a boolean and a fraction', [true, 0.5], { type: 'string' }],
  ])('%s', (_name, values, schema) => {
    expect(schemaOf(...values)).toStrictEqual(schema)
  })

  test('the elements of an array are merged, across records too', () => {
    expect(schemaOf([{ b: 1 }, { c: 'x' }], [{ b: 0.5, d: null }])).toEqual({
      type: 'array',
      items: { type: 'object', properties: { b: { type: 'number' }, c: { type: 'string' }, d: {} } },
    })
  })
})

describe('all records together', () => {
  test('an attribute that only a later record has is in the schema', () => {
    expect(inferSchema([{ a: 1 }, { b: 'x' }])).toEqual({
      type: 'object',
      properties: { a: INTEGER, b: { type: 'string' } },
    })
  })

  test('objects merge at every depth', () => {
    expect(inferSchema([{ data: { a: { b: null } } }, { data: { a: { c: true } } }])).toEqual({
      type: 'object',
      properties: {
        data: {
          type: 'object',
          properties: { a: { type: 'object', properties: { b: {}, c: { type: 'boolean' } } } },
        },
      },
    })
  })

  test('a list inside an object is a plain object with a plain array', () => {
    expect(schemaOf({ object: 'list', data: [{ id: 'si_1' }], has_more: false })).toEqual({
      type: 'object',
      properties: {
        object: { type: 'string' },
        data: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } },
        has_more: { type: 'boolean' },
      },
    })
  })

  test('no record at all makes an object without attributes', () => {
    expect(inferSchema([])).toEqual(OPEN_OBJECT)
  })

  test('attributes that are named like members of every object are attributes like others', () => {
    const record = JSON.parse('{"__proto__": 1, "constructor": "x", "toString": true}')
    expect(JSON.parse(JSON.stringify(inferSchema([record])))).toEqual(
      JSON.parse(
        JSON.stringify({ type: 'object', properties: {} }).replace(
          '{}',
          `{"__proto__": ${JSON.stringify(INTEGER)}, "constructor": {"type": "string"}, "toString": {"type": "boolean"}}`,
        ),
      ),
    )
  })
})

describe('whatever the records', () => {
  const records = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue({ maxDepth: 4 })), {
    maxLength: 8,
  }) as fc.Arbitrary<JsonObject[]>
  const shuffled = records.chain((original) =>
    fc
      .shuffledSubarray(original, { minLength: original.length, maxLength: original.length })
      .map((reordered) => ({ original, reordered })),
  )

  test('their order makes no difference', () => {
    fc.assert(
      fc.property(shuffled, ({ original, reordered }) => {
        expect(inferSchema(reordered)).toEqual(inferSchema(original))
      }),
    )
  })

  test('seeing them twice changes nothing', () => {
    fc.assert(
      fc.property(records, (sampled) => {
        expect(inferSchema([...sampled, ...sampled])).toEqual(inferSchema(sampled))
      }),
    )
  })

  test('every attribute that was sampled is in the schema, unless its place holds other types too', () => {
    fc.assert(
      fc.property(records, (sampled) => {
        const schema = inferSchema(sampled)
        for (const record of sampled) expectCovered(schema, record)
      }),
    )
  })

  function expectCovered(schema: JsonObject, value: JsonValue | undefined): void {
    if (value === null || value === undefined) return
    if (schema['type'] === 'array') {
      for (const element of value as JsonValue[]) expectCovered(schema['items'] as JsonObject, element)
    } else if (schema['type'] === 'object') {
      const properties = schema['properties'] as Record<string, JsonObject>
      for (const [name, member] of Object.entries(value)) {
        expect(Object.keys(properties)).toContain(name)
        expectCovered(properties[name] ?? {}, member)
      }
    } else {
      expect(schema).not.toEqual({})
    }
  }
})

describe('a preview record', () => {
  test('has no null attributes, at any depth', () => {
    expect(withoutNulls({ data: { a: null, b: { c: null, d: 1 }, e: [{ f: null, g: 'x' }] } })).toEqual({
      data: { b: { d: 1 }, e: [{ g: 'x' }] },
    })
  })

  test('keeps empty values and the places in arrays', () => {
    const record = { data: { a: '', b: 0, c: false, d: {}, e: [], f: [null, 1] } }
    expect(withoutNulls(record)).toEqual(record)
  })

  test('leaves the record itself as it is', () => {
    const record = { data: { a: null } }
    withoutNulls(record)
    expect(record).toEqual({ data: { a: null } })
  })
})
