/** The part of newman that the tests use; it brings no types of its own. */
declare module 'newman' {
  interface RunOptions {
    readonly collection: object
    readonly environment: object
    /** None, so that nothing is printed. */
    readonly reporters: readonly string[]
    /** The longest wait for one answer, ms. */
    readonly timeoutRequest: number
    /** The longest wait for one script, ms. */
    readonly timeoutScript: number
  }

  interface RunSummary {
    readonly run: {
      readonly executions: readonly {
        readonly item: { readonly name: string }
        /** Absent when the request could not be sent. */
        readonly response?: { text(): string }
        readonly assertions?: readonly { readonly assertion: string; readonly error?: Error }[]
      }[]
      readonly failures: readonly {
        readonly error: Error & { readonly test?: string }
        readonly source?: { readonly name: string }
      }[]
    }
  }

  const newman: {
    run(options: RunOptions, done: (error: Error | null, summary: RunSummary) => void): unknown
  }
  export default newman
}
