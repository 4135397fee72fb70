import { expect, test } from '@jest/globals'
import { systemClock } from '../../../src/clock.ts'
import { ObservationClock } from '../../../src/flow/engine/observation-clock.ts'
import { Patience } from '../../../src/flow/engine/patience.ts'
import { SourceReader } from '../../../src/flow/engine/source-reader.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'

test.each([NaN, 0, 0.3, -1, 1, 4])(
  'every object is read by a source that can make use of %d requests at once',
  async (n) => {
    const stop = new AbortController().signal
    const patience = new Patience({ clock: systemClock, giveUpMs: 1000, random: () => 0, stop, onRetry: () => {} })
    const reader = new SourceReader({
      source: {
        check: async () => {},
        readPage: async () => ({ records: [], nextCursor: null }),
        readObject: async ({ id }) => ({ state: 'present', record: { id, record: {} } }),
        parallelism: () => n,
      },
      resourcePath: 'things',
      observations: new ObservationClock(systemClock),
      patience,
      stop,
    })
    const readings = await reader.readObjects(['a', 'b', 'c'])
    expect(readings.map(({ value }) => value)).toMatchObject(['a', 'b', 'c'].map((id) => ({ record: { id } })))
  },
)

test('a refused credential ends at once what waits for a better moment and what is under way', async () => {
  const stop = new AbortController().signal
  const patience = new Patience({ clock: systemClock, giveUpMs: 900_000, random: () => 0, stop, onRetry: () => {} })
  const refusal = new FatalSourceError('credential', 'The key was revoked.')
  const reader = new SourceReader({
    source: {
      check: async () => {},
      readPage: async ({ pass, signal }) => {
        if (pass === 'waits') throw new RetriableSourceError('rate', 'Later.', { retryAfterMs: 600_000 })
        if (pass === 'refused') throw refusal
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    },
    resourcePath: 'things',
    observations: new ObservationClock(systemClock),
    patience,
    stop,
  })
  const read = (pass: string) => reader.readPage(pass, { from: null, to: null }, null)
  const others = [read('waits'), read('hangs')].map((page) => expect(page).rejects.toBe(refusal))
  await new Promise((resolve) => setImmediate(resolve))
  await expect(read('refused')).rejects.toBe(refusal)
  await Promise.all(others)
})
