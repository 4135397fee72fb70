import { createContext, Script } from 'node:vm'

/** No sensible pattern takes longer on a parameter, in milliseconds. */
const LONGEST_MATCH_MS = 100

const TEST = new Script('new RegExp(pattern, flags).test(text)')

/**
 * A regular expression of a foreign schema, as ajv wants it. One that backtracks without end matches nothing instead of
 * keeping the process busy.
 */
export const boundedRegExp = Object.assign(
  (pattern: string, flags: string) => {
    // Compiled at once, so that a pattern that is none is refused with its schema.
    const source = new RegExp(pattern, flags).toString()
    return {
      test(text: string): boolean {
        try {
          const context = createContext({ pattern, flags, text })
          return TEST.runInContext(context, { timeout: LONGEST_MATCH_MS }) === true
        } catch {
          return false
        }
      },
      toString: () => source,
    }
  },
  { code: 'new RegExp' },
)
