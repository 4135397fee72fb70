import { convertToParquet } from './convert.ts'
import type { ConvertRequest } from './convert.ts'

/**
 * A process of its own that makes one Parquet file: its memory goes back to the system when it ends, and the host answers
 * other requests meanwhile. It ends with the host.
 */
process.once('disconnect', () => process.exit(1))
process.once('message', (request) => {
  convertToParquet(request as ConvertRequest).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(error instanceof Error ? error.message : String(error), () => process.exit(1))
    },
  )
})
