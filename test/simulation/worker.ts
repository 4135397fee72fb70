import { runHistory } from './history.ts'

/** Lives through the histories whose seeds its parent sends, one at a time. */
let unhandled: string | null = null

// A host whose promise rejects unheard would be ended by it.
process.on('unhandledRejection', (reason) => {
  unhandled ??= reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
})

process.on('message', (seed: number) => {
  void runHistory(seed).then((result) => {
    const failure = result.failure ?? (unhandled === null ? null : `A rejection was not handled: ${unhandled}`)
    unhandled = null
    process.send?.({ ...result, failure })
  })
})
