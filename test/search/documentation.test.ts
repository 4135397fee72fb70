import { readFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { checkFields, parseQuery, SEARCHABLE_RESOURCES, SearchQueryError } from '../../src/search/search-query.ts'
import { searchableOf } from '../../src/search/fields.ts'

const PAGE = await readFile(new URL('../../docs/search-language.md', import.meta.url), 'utf8')

test('the page’s errors are the ones that are thrown', () => {
  const rows = [...PAGE.matchAll(/^\| `(.+?)` \| (\d+) \| (.*) \|$/gm)]
  expect(rows.length).toBeGreaterThan(3)
  for (const [, text = '', position, message] of rows) {
    const check = () => checkFields(parseQuery(text), 'subscriptions')
    expect(check).toThrow(new SearchQueryError(String(message), Number(position)))
    expect(check).toThrow(expect.objectContaining({ position: Number(position) }))
  }
})

test('the page’s clauses can all be asked', () => {
  const table = PAGE.slice(PAGE.indexOf('| Written |'), PAGE.indexOf('Text needs quotes'))
  const clauses = [...table.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(.+?)`/g)].map((match) => match[1] ?? ''),
  )
  expect(clauses.length).toBeGreaterThan(8)
  for (const clause of clauses) {
    const query = parseQuery(clause)
    const askable = SEARCHABLE_RESOURCES.filter((resourcePath) => {
      try {
        checkFields(query, resourcePath)
        return true
      } catch {
        return false
      }
    })
    expect([clause, askable.length > 0]).toEqual([clause, true])
  }
})

test('the page names every field of every resource', () => {
  for (const resourcePath of SEARCHABLE_RESOURCES) {
    const row = PAGE.split('\n').find((line) => line.startsWith(`| \`${resourcePath}\` |`)) ?? ''
    for (const name of Object.keys(searchableOf(resourcePath)?.fields ?? {})) {
      const shown = name.replace(/^payment_method_details\.\w+(?=\.)/, '')
      expect([name, row.includes(`\`${shown}\``) || row.includes(`${shown}\``)]).toEqual([name, true])
    }
  }
})
