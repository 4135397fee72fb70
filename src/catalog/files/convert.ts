import { DuckDBInstance } from '@duckdb/node-api'
import type { JsonValue } from '../../json.ts'
import { readLines } from './read-lines.ts'
import { quoteText, RowShape } from './row-shape.ts'

export interface ConvertRequest {
  /** NDJSON, one row a line. */
  readonly source: string
  /** Where the Parquet file goes; it must not exist. */
  readonly target: string
  /** Folder for what does not fit into memory. */
  readonly spillFolder: string
}

/** Name of the column that holds each row as JSON text when the rows fit no columns. */
const ROW_COLUMN = 'row'
/** A Parquet file needs a column; one of rows without members gets this one, empty. */
const ID_COLUMN = '_id'

/** Rows are held in memory until a row group is full. */
const ROW_GROUP_BYTES = 16 * 1024 * 1024
/** From here on the memory is not doubled any more. */
const MOST_MEGABYTES = 2048
const SMALLEST_ROW_GROUP = 2048
const LARGEST_ROW_GROUP = 122_880

interface Survey {
  readonly shape: RowShape
  readonly rows: number
  readonly bytes: number
  readonly longestLine: number
}

/** Writes the rows of an NDJSON file into a Parquet file, in their order, with columns that hold all of them. */
export async function convertToParquet(request: ConvertRequest): Promise<void> {
  const survey = await surveyRows(request.source)
  const database = await DuckDBInstance.create(':memory:', {
    threads: '1',
    temp_directory: request.spillFolder,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await database.connect()
  try {
    for (let megabytes = leastMemory(survey); ; megabytes *= 2) {
      await connection.run(`SET memory_limit = '${megabytes}MB'`)
      try {
        await connection.run(copyStatement(request, survey))
        return
      } catch (error) {
        if (megabytes >= MOST_MEGABYTES || !/out of memory/i.test(String(error))) throw error
      }
    }
  } finally {
    connection.closeSync()
    database.closeSync()
  }
}

function copyStatement({ source, target }: ConvertRequest, survey: Survey): string {
  const columns = survey.shape.columns()
  return `
    COPY (
      SELECT * FROM read_json(${quoteText(source)},
        format = 'newline_delimited',
        records = ${columns !== null},
        columns = ${columnList(columns)},
        maximum_object_size = ${survey.longestLine + 1024})
    ) TO ${quoteText(target)}
    (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupSize(survey)})`
}

async function surveyRows(file: string): Promise<Survey> {
  const shape = new RowShape()
  let rows = 0
  let bytes = 0
  let longestLine = 0
  for await (const line of readLines(file)) {
    const length = Buffer.byteLength(line)
    rows += 1
    bytes += length
    longestLine = Math.max(longestLine, length)
    shape.add(JSON.parse(line) as JsonValue)
  }
  return { shape, rows, bytes, longestLine }
}

function columnList(columns: ReadonlyMap<string, string> | null): string {
  const named = columns ?? new Map([[ROW_COLUMN, 'JSON']])
  const used = named.size === 0 ? new Map([[ID_COLUMN, 'VARCHAR']]) : named
  return `{${[...used].map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}}`
}

function rowGroupSize({ rows, bytes }: Survey): number {
  const fitting = Math.floor(ROW_GROUP_BYTES / Math.max(1, bytes / Math.max(1, rows)))
  return Math.min(Math.max(fitting, SMALLEST_ROW_GROUP), LARGEST_ROW_GROUP)
}

/**
 * MB to begin with: 200 for rows of up to 8 KB, more for larger ones, because a row group has at least 2048 of them. How
 * much deeply nested rows need shows only when they are read.
 */
function leastMemory(survey: Survey): number {
  const { rows, bytes, longestLine } = survey
  const groupBytes = bytes * Math.min(1, rowGroupSize(survey) / Math.max(1, rows))
  return 150 + Math.ceil((3 * groupBytes + 12 * longestLine) / 1e6)
}
