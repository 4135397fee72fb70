import type { CompiledQuery, QueryResult } from 'kysely'
import type { Database } from './tables.ts'

/**
 * Carries out one of the statements that every commit of a run consists of. In a transaction they are carried out in the
 * order in which they are sent; one need not be waited for before the next is sent, as Kysely would.
 */
export type SendStatement = <Row>(db: Database, query: CompiledQuery) => Promise<QueryResult<Row>>
