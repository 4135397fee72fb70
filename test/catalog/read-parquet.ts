import { DuckDBInstance } from '@duckdb/node-api'

export interface ParquetContent {
  /** Type of each column in DuckDB's spelling, by its name. */
  readonly columns: Readonly<Record<string, string>>
  readonly rows: readonly unknown[]
}

/** What another reader sees in a Parquet file. */
export async function readParquet(file: string): Promise<ParquetContent> {
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  try {
    const source = `read_parquet('${file}')`
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`)
    const read = await connection.runAndReadAll(`SELECT to_json(t)::VARCHAR AS row FROM ${source} t`)
    return {
      columns: Object.fromEntries(described.getRows().map(([name, type]) => [String(name), String(type)])),
      rows: read.getRows().map(([row]) => JSON.parse(String(row))),
    }
  } finally {
    connection.closeSync()
    database.closeSync()
  }
}

/** A null member and an absent one are the same in a column, and an empty object may stand there as text. */
export function withoutNulls(value: unknown): unknown {
  if (value === '{}') return {}
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== null)
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]))
}
