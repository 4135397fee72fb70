import { describe, expect, test } from '@jest/globals'
import { ConfigError, describeSettings, loadConfig, settingNames } from '../src/config.ts'

const KEY = Buffer.alloc(32, 1)
const OTHER_KEY = Buffer.alloc(32, 2)

function refusalOf(env: Record<string, string>): string {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('The settings were accepted.')
}

test('the defaults make an embedded host on the loopback address', () => {
  expect(loadConfig({})).toEqual({
    host: '127.0.0.1',
    port: 8080,
    publicUrl: undefined,
    dataDir: './data',
    databaseUrl: undefined,
    encryptionKey: undefined,
    encryptionKeysOld: [],
    authMode: 'strict',
    bootstrapClientId: undefined,
    bootstrapClientSecret: undefined,
    bootstrapOrgId: undefined,
    bootstrapClients: [],
    stripeApiBase: 'https://api.stripe.com',
    stripeBudgetShare: 0.8,
    stripeRateGlobal: undefined,
    stripeRateEndpoint: undefined,
    xsollaApiBase: undefined,
    restAllowedHosts: [],
    role: 'all',
    runGiveUpSeconds: 900,
    webhookSweepMinutes: 15,
    webhookRetentionDays: 35,
    logLevel: 'info',
  })
})

test('every setting is read', () => {
  const config = loadConfig({
    HOST: '0.0.0.0',
    PORT: '0',
    PUBLIC_URL: 'https://flow.example.com/base/',
    DATA_DIR: '/srv/flow',
    ENCRYPTION_KEY: KEY.toString('base64'),
    ENCRYPTION_KEYS_OLD: `${OTHER_KEY.toString('base64url')}, ${KEY.toString('base64')}`,
    BOOTSTRAP_CLIENT_ID: 'client',
    BOOTSTRAP_CLIENT_SECRET: 'p4ssw0rd',
    BOOTSTRAP_ORG_ID: 'A@AdobeOrg',
    BOOTSTRAP_CLIENTS: '[{"clientId":"a","clientSecret":"12345678","orgId":"B@AdobeOrg","sandboxes":["dev-1"]}]',
    STRIPE_API_BASE: 'http://127.0.0.1:12111/',
    STRIPE_BUDGET_SHARE: '.25',
    STRIPE_RATE_GLOBAL: '1000000',
    STRIPE_RATE_ENDPOINT: '50',
    XSOLLA_API_BASE: 'http://127.0.0.1:12112/ ',
    REST_ALLOWED_HOSTS: 'localhost:8080, 10.0.0.5,[::1]:8080',
    ROLE: 'all',
    RUN_GIVE_UP_SECONDS: '60',
    LOG_LEVEL: 'silent',
  })
  expect(config).toMatchObject({
    host: '0.0.0.0',
    port: 0,
    publicUrl: 'https://flow.example.com/base',
    dataDir: '/srv/flow',
    encryptionKey: KEY,
    encryptionKeysOld: [OTHER_KEY, KEY],
    bootstrapClientId: 'client',
    bootstrapClientSecret: 'p4ssw0rd',
    bootstrapOrgId: 'A@AdobeOrg',
    bootstrapClients: [{ clientId: 'a', clientSecret: '12345678', orgId: 'B@AdobeOrg', sandboxes: ['dev-1'] }],
    stripeApiBase: 'http://127.0.0.1:12111',
    stripeBudgetShare: 0.25,
    stripeRateGlobal: 1_000_000,
    stripeRateEndpoint: 50,
    xsollaApiBase: 'http://127.0.0.1:12112',
    restAllowedHosts: ['localhost:8080', '10.0.0.5', '[::1]:8080'],
    runGiveUpSeconds: 60,
    logLevel: 'silent',
  })
})

test('all of the limits of Stripe may be used', () => {
  expect(loadConfig({ STRIPE_BUDGET_SHARE: '1' }).stripeBudgetShare).toBe(1)
})

test('the organisation of the first client may be named like its id and secret', () => {
  expect(loadConfig({ BOOTSTRAP_CLIENT_ORG_ID: 'A@AdobeOrg' }).bootstrapOrgId).toBe('A@AdobeOrg')
})

test('an empty variable is an unset one', () => {
  const empty = Object.fromEntries(settingNames().map((name) => [name, '']))
  expect(loadConfig(empty)).toEqual(loadConfig({}))
})

test('a bootstrap client without sandboxes has prod, and may have hundreds', () => {
  const client = { clientId: 'a', clientSecret: '12345678', orgId: 'B@AdobeOrg' }
  const many = Array.from({ length: 500 }, (_, index) => `box-${index}`)
  const config = loadConfig({
    BOOTSTRAP_CLIENTS: JSON.stringify([client, { ...client, clientId: 'b', sandboxes: many }]),
  })
  expect(config.bootstrapClients.map(({ sandboxes }) => sandboxes)).toEqual([['prod'], many])
})

describe('a bad value stops with one line that names the variable, what was found and what is allowed', () => {
  test.each([
    ['HOST', 'no spaces please', /"no spaces please"/, /host name/],
    ['PORT', 'http', /"http"/, /0 to 65535/],
    ['PORT', '65536', /"65536"/, /0 to 65535/],
    ['PORT', '-1', /"-1"/, /0 to 65535/],
    ['PUBLIC_URL', 'flow.example.com', /"flow.example.com"/, /http/],
    ['PUBLIC_URL', 'ftp://flow.example.com', /ftp/, /http/],
    ['PUBLIC_URL', 'https://flow.example.com?x=1', /x=1/, /without/],
    ['DATABASE_URL', 'postgres://user:hunter2@db/flow', /not available/, /embedded/],
    ['ENCRYPTION_KEY', 'c2hvcnQ=', /not shown/, /32 bytes/],
    ['ENCRYPTION_KEY', 'not base64 !!', /not shown/, /openssl rand -base64 32/],
    ['ENCRYPTION_KEYS_OLD', `${KEY.toString('base64')},short`, /not shown/, /32 bytes/],
    ['AUTH_MODE', 'off', /"off"/, /strict, dev/],
    ['BOOTSTRAP_CLIENT_ID', 'two words', /"two words"/, /printable/],
    ['BOOTSTRAP_CLIENT_SECRET', 'hunter2', /not shown/, /8 characters/],
    ['BOOTSTRAP_ORG_ID', 'acme', /"acme"/, /@AdobeOrg/],
    ['BOOTSTRAP_CLIENT_ORG_ID', 'acme', /"acme"/, /@AdobeOrg/],
    ['BOOTSTRAP_CLIENTS', '{"clientId":"hunter2"', /not shown/, /JSON array/],
    ['BOOTSTRAP_CLIENTS', '{}', /not shown/, /JSON array/],
    ['BOOTSTRAP_CLIENTS', '[7]', /not shown/, /\[0\]\.clientId/],
    [
      'BOOTSTRAP_CLIENTS',
      '[{"clientId":"a","clientSecret":"hunter2","orgId":"A@AdobeOrg"}]',
      /not shown/,
      /clientSecret/,
    ],
    ['BOOTSTRAP_CLIENTS', '[{"clientId":"a","clientSecret":"hunter2hunter2","orgId":"A"}]', /not shown/, /orgId/],
    [
      'BOOTSTRAP_CLIENTS',
      '[{"clientId":"a","clientSecret":"hunter2hunter2","orgId":"A@AdobeOrg","sandboxes":["Dev"]}]',
      /not shown/,
      /sandboxes/,
    ],
    [
      'BOOTSTRAP_CLIENTS',
      '[{"clientId":"a","clientSecret":"hunter2hunter2","orgId":"A@AdobeOrg"},{"clientId":"a","clientSecret":"hunter2hunter2","orgId":"A@AdobeOrg"}]',
      /not shown/,
      /once/,
    ],
    ['STRIPE_API_BASE', 'https://user:pw@api.stripe.com', /must be/, /without user/],
    ['XSOLLA_API_BASE', 'subscriptions.xsolla.com', /must be/, /http/],
    ['STRIPE_BUDGET_SHARE', '0', /"0"/, /above 0 and at most 1/],
    ['STRIPE_BUDGET_SHARE', '1.01', /"1.01"/, /above 0 and at most 1/],
    ['STRIPE_BUDGET_SHARE', '80%', /"80%"/, /such as 0.8/],
    ['STRIPE_BUDGET_SHARE', 'Infinity', /"Infinity"/, /a number/],
    ['STRIPE_RATE_GLOBAL', '0', /"0"/, /1 to 1000000/],
    ['STRIPE_RATE_GLOBAL', '1000001', /"1000001"/, /1 to 1000000/],
    ['STRIPE_RATE_ENDPOINT', '2.5', /"2.5"/, /integer/],
    ['REST_ALLOWED_HOSTS', 'http://localhost', /http/, /localhost:8080/],
    ['REST_ALLOWED_HOSTS', 'localhost:99999', /99999/, /list of hosts/],
    ['ROLE', 'worker', /not available/, /use all/],
    ['ROLE', 'boss', /"boss"/, /one of all/],
    ['RUN_GIVE_UP_SECONDS', '0', /"0"/, /1 to/],
    ['RUN_GIVE_UP_SECONDS', '1.5', /"1.5"/, /integer/],
    ['LOG_LEVEL', 'loud', /"loud"/, /info/],
  ])('%s=%s', (name, value, found, allowed) => {
    const line = refusalOf({ [name]: value })
    expect(line.startsWith(name)).toBe(true)
    expect(line).toMatch(found)
    expect(line).toMatch(allowed)
    expect(line).not.toMatch(/\n|hunter2/)
  })

  test.each(['0.0.0.0', '::', '192.168.1.2', 'flow.example.com', '127.evil.example'])(
    'AUTH_MODE=dev with HOST=%s',
    (host) => {
      const line = refusalOf({ AUTH_MODE: 'dev', HOST: host })
      expect(line).toMatch(/^AUTH_MODE=dev .*HOST/)
      expect(line).toContain(host)
    },
  )

  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('but AUTH_MODE=dev with HOST=%s is fine', (host) => {
    expect(loadConfig({ AUTH_MODE: 'dev', HOST: host }).authMode).toBe('dev')
  })
})

test('the help names every setting with its default', () => {
  const text = describeSettings()
  for (const name of settingNames()) expect(text).toContain(`  ${name} `)
  expect(text).toContain('Default: 8080.')
})
