import newman from 'newman'
import { environment } from './collection.ts'
import type { Collection } from './collection.ts'

export interface CollectionRun {
  /** Names of the requests that were sent, in order; one that was repeated comes several times. */
  readonly sent: readonly string[]
  /** The bodies of their answers. */
  readonly answers: readonly string[]
  readonly assertions: number
  /** `request: what failed`. */
  readonly failures: readonly string[]
}

/**
 * Runs the collection as the "Run" button of Postman does.
 *
 * @param values - of variables, over those of the environment file
 */
export function runCollection(
  collection: Collection,
  values: Readonly<Record<string, string>>,
): Promise<CollectionRun> {
  const given = Object.fromEntries(environment.values.map(({ key, value }) => [key, value]))
  const filled = Object.entries({ ...given, ...values }).map(([key, value]) => ({ key, value }))
  const options = {
    collection,
    environment: { ...environment, values: filled },
    reporters: [],
    timeoutRequest: 20_000,
    timeoutScript: 20_000,
  }
  return new Promise((resolve, reject) => {
    newman.run(options, (error, { run } = { run: { executions: [], failures: [] } }) => {
      if (error) return reject(error)
      resolve({
        sent: run.executions.map(({ item }) => item.name),
        answers: run.executions.map(({ response }) => response?.text() ?? ''),
        assertions: run.executions.flatMap(({ assertions = [] }) => assertions).length,
        failures: run.failures.map(
          ({ error, source }) => `${source?.name}: ${error.test ?? error.name} ${error.message}`,
        ),
      })
    })
  })
}
