import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { docsPage } from '../../src/http/docs-page.ts'
import { METHODS, openapi } from '../support/openapi-check.ts'
import { startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

let target: TestHost
let page: { readonly status: number; readonly text: string; readonly headers: Record<string, string> }

beforeAll(async () => {
  target = await startTestHost()
  page = await target.anonymous().get('/docs')
})
afterAll(() => target.stop())

describe('the documentation page', () => {
  test('is served as HTML to everybody', () => {
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page.text).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
  })

  test('allows nothing but its own style, and loads nothing', () => {
    const policy = page.headers['content-security-policy'] ?? ''
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page.text) ?? []
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`)
    expect(policy).toMatch(/^default-src 'none'; /)
    expect(policy).not.toContain('unsafe')
    expect(page.text).not.toMatch(/<(script|link|img|iframe|form)\b|\b(src|style|on\w+)=|@import|url\(/)
  })

  test('shows every operation of the description under its tag, with its summary', () => {
    for (const [path, item] of Object.entries(openapi.paths)) {
      for (const method of METHODS) {
        const operation = item[method]
        if (operation === undefined) continue
        const { operationId, summary } = operation
        const article = articleOf(operationId)
        expect(article).toContain(`<b class="${method}">${method.toUpperCase()}</b> <code>${path}</code>`)
        expect(plain(article)).toContain(plain(summary.replaceAll('`', '')))
        expect(page.text).toContain(`<a href="#${operationId}">`)
      }
    }
    for (const { name } of openapi.tags) expect(page.text).toContain(`>${name}</h2>`)
  })

  test('shows parameters, members of the body, examples and errors of an operation', () => {
    const article = articleOf('createFlow')
    expect(article).toContain('<code>mode</code><br><small>query, one of draft</small>')
    expect(article).toContain('<code>flowSpec</code><br><small>object, <b>required</b></small>')
    expect(plain(article)).toContain('"frequency": "hour"')
    expect(article).toContain('<h4>Answer 201</h4>')
    expect(article).toMatch(/<a href="#error-bad-request">400 Bad Request<\/a>/)
    expect(articleOf('error-bad-request')).toMatch(/Codes: .*<code>1418-400<\/code>/)
    expect(articleOf('error-forbidden')).toContain('<code>403010</code>')
  })

  test('has no link that leads nowhere and no id twice', () => {
    const ids = [...page.text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of page.text.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id)
  })

  test('shows markup in the description as text', () => {
    const evil = '<script>alert(1)</script>"\'&'
    const html = docsPage({
      info: { title: evil, description: evil },
      tags: [{ name: evil }],
      paths: {
        [`/${evil}`]: {
          get: { operationId: evil, tags: [evil], summary: evil, parameters: [{ name: evil, in: 'query' }] },
        },
      },
    })
    expect(html).not.toContain('<script')
    expect(html).toContain('&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;')
  })

  test('can be made of a description that has nothing to show yet', () => {
    expect(docsPage({ info: { title: 'Flow Service' } })).toContain('<title>Flow Service</title>')
  })
})

function articleOf(id: string): string {
  return new RegExp(`<article id="${id}">[\\s\\S]*?</article>`).exec(page.text)?.[0] ?? ''
}

/** What a reader sees. */
function plain(html: string): string {
  const text = html.replaceAll(/<[^>]+>/g, '')
  return text.replaceAll(/&#(\d+);/g, (_entity, code) => String.fromCharCode(Number(code))).replaceAll(/\s+/g, ' ')
}
