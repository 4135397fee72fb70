import { describe, expect, test } from '@jest/globals'
import { loadSpecRegistry } from '../../src/flow/load-specs.ts'
import { createSpecRegistry } from '../../src/flow/spec-registry.ts'
import type { AuthSpec, ConnectionSpec, SpecDocument } from '../../src/flow/spec-registry.ts'

const STRIPE = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const XSOLLA = '2563bc2f-3aed-4f53-8942-e13731d11a78'

const registry = loadSpecRegistry()

function stripeSpec(): ConnectionSpec {
  const spec = registry.connectionSpec(STRIPE)
  if (spec === null) throw new Error('the Stripe spec is not loaded')
  return spec
}

function accessTokenSpec(): AuthSpec {
  const spec = stripeSpec().authSpec('OAuth2 Refresh Code')
  if (spec === null) throw new Error('the auth spec is not loaded')
  return spec
}

describe('the registry', () => {
  test('lists the built-in specs', () => {
    expect(registry.connectionSpecs().map(({ name }) => name)).toEqual(['stripe', 'datalake', 'xsolla'])
    expect(registry.flowSpecs().map(({ name }) => name)).toEqual(['RestStorageToAEP'])
  })

  test('knows no spec by a foreign id, not even by the name of an object member', () => {
    expect(registry.connectionSpec('nothing')).toBeNull()
    expect(registry.connectionSpec('constructor')).toBeNull()
    expect(registry.flowSpec(STRIPE)).toBeNull()
  })

  test('tells which specs a flow spec may join', () => {
    const spec = registry.flowSpec('6499120c-0b15-42dc-936e-847ea3c24d72')
    expect(spec?.sourceConnectionSpecIds).toEqual([STRIPE, XSOLLA])
    expect(spec?.targetConnectionSpecIds).toEqual([DATA_LAKE])
  })

  test('finds an auth spec by name or type in any letter case', () => {
    for (const name of ['OAuth2 Refresh Code', 'oauth2 refresh code', 'OAuth2RefreshCode', 'oAuth2RefreshCode']) {
      expect(stripeSpec().authSpec(name)?.name).toBe('OAuth2 Refresh Code')
    }
    expect(stripeSpec().authSpec('Basic Authentication')).toBeNull()
    expect(stripeSpec().authSpecNames).toEqual(['OAuth2 Refresh Code'])
  })

  test('tells the secret parameters from the declared ones', () => {
    expect(accessTokenSpec().secretNames).toEqual(['accessToken', 'webhookSecret'])
    expect(accessTokenSpec().declaredNames).toContain('accessToken')
  })

  test('refuses a document whose schema is not valid', () => {
    const broken: SpecDocument = {
      id: 'a',
      name: 'broken',
      version: '1.0',
      sourceSpec: { spec: { type: 'object', propertys: {} } },
    }
    expect(() => createSpecRegistry({ connectionSpecs: [broken], flowSpecs: [] })).toThrow(/propertys/)
  })

  test('accepts any parameters for a spec without a schema', () => {
    expect(registry.connectionSpec(DATA_LAKE)?.validateParams({ anything: 1 })).toEqual([])
  })
})

describe('the parameters of a source connection', () => {
  test.each([
    { resourcePath: 'charges' },
    { resourcePath: 'prices', apiVersion: '2025-02-24' },
    { resourcePath: 'prices', apiVersion: '2026-10-28.endive' },
    { resourcePath: 'prices', unknown: { is: 'ignored' } },
  ])('pass: %j', (params) => {
    expect(stripeSpec().validateParams(params)).toEqual([])
  })

  test('a resource path that is absent is missing, and the message lists the allowed ones', () => {
    const fault = {
      kind: 'missing',
      path: '/resourcePath',
      message:
        'resourcePath is required and missing; one of charges, subscriptions, refunds, balance_transactions, customers, prices',
    }
    expect(stripeSpec().validateParams({})).toEqual([fault])
    expect(stripeSpec().validateParams(undefined)).toEqual([fault])
  })

  test.each(['', '  '])('a blank resource path %j is missing, too', (resourcePath) => {
    expect(stripeSpec().validateParams({ resourcePath })).toEqual([
      expect.objectContaining({ kind: 'missing', path: '/resourcePath' }),
    ])
  })

  test('an unknown resource path is named together with the allowed ones', () => {
    expect(stripeSpec().validateParams({ resourcePath: 'foo' })).toEqual([
      {
        kind: 'invalid',
        path: '/resourcePath',
        message:
          '"foo" is not a valid resourcePath; one of charges, subscriptions, refunds, balance_transactions, customers, prices',
      },
    ])
  })

  test.each([7, null, true, ['charges'], { path: 'charges' }])('%j is no resource path and is not coerced', (value) => {
    expect(stripeSpec().validateParams({ resourcePath: value })).toEqual([
      expect.objectContaining({ kind: 'invalid', path: '/resourcePath' }),
    ])
  })

  test.each(['latest', '2025', '2025-02-24.', '2025-02-24.Endive', '2025-02-24\n', 20250224])(
    '%j is no API version',
    (apiVersion) => {
      expect(stripeSpec().validateParams({ resourcePath: 'charges', apiVersion })).toEqual([
        expect.objectContaining({ kind: 'invalid', path: '/apiVersion' }),
      ])
    },
  )

  test('every fault is reported, the missing ones first', () => {
    const faults = stripeSpec().validateParams({ apiVersion: 'latest' })
    expect(faults.map(({ kind, path }) => [kind, path])).toEqual([
      ['missing', '/resourcePath'],
      ['invalid', '/apiVersion'],
    ])
  })

  test.each([null, [], 'charges', 1])('%j are no parameters at all', (params) => {
    expect(stripeSpec().validateParams(params)).toEqual([expect.objectContaining({ kind: 'invalid', path: '' })])
  })

  test('a long value is cut in the message', () => {
    const [fault] = stripeSpec().validateParams({ resourcePath: 'x'.repeat(10_000) })
    expect(fault?.message.length).toBeLessThan(250)
  })
})

describe('the parameters of an auth spec', () => {
  test('pass with an access token alone', () => {
    expect(accessTokenSpec().validate({ accessToken: 'sk_test_1' })).toEqual([])
  })

  test.each([{}, { accessToken: '' }, undefined])('%j lacks the access token', (params) => {
    expect(accessTokenSpec().validate(params)).toEqual([
      expect.objectContaining({ kind: 'missing', path: '/accessToken' }),
    ])
  })

  test('a secret of a wrong type is refused without telling it', () => {
    const faults = accessTokenSpec().validate({ accessToken: ['sk_test_secret'] })
    expect(faults).toEqual([
      { kind: 'invalid', path: '/accessToken', message: 'accessToken must be of type string, not array' },
    ])
  })

  test('a secret that breaks a rule of its schema is not told either', () => {
    const document: SpecDocument = {
      id: 'a',
      name: 'strict',
      version: '1.0',
      authSpec: [
        {
          name: 'Key',
          spec: {
            type: 'object',
            properties: {
              pattern: { type: 'string', format: 'password', pattern: '^sk_' },
              choice: { type: 'string', format: 'password', enum: ['a'] },
            },
          },
        },
      ],
    }
    const spec = createSpecRegistry({ connectionSpecs: [document], flowSpecs: [] }).connectionSpec('a')
    const faults = spec?.authSpec('key')?.validate({ pattern: 'hunter2', choice: 'hunter2' }) ?? []
    expect(faults).toHaveLength(2)
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })
})
