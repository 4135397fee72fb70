/** An expression cannot be read or computed. The message says why and holds at most a short piece of the data. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ExpressionError'
  }
}
