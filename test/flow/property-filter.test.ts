import { describe, expect, test } from '@jest/globals'
import { FlowServiceError } from '../../src/errors.ts'
import { parsePropertyParameters, project } from '../../src/flow/property-filter.ts'

const parse = (...values: string[]) => parsePropertyParameters(values)

function comparison(path: string, operator: string, ...values: string[]) {
  return {
    path: path.split('.').map((name) => ({ name: name.replace('[]', ''), each: name.endsWith('[]') })),
    operator,
    values,
  }
}

function refusal(...values: string[]): FlowServiceError {
  try {
    parse(...values)
  } catch (error) {
    if (error instanceof FlowServiceError) return error
    throw error
  }
  throw new Error(`${values.join(' and ')} was accepted`)
}

describe('property filter', () => {
  test.each([
    ['state==enabled', comparison('state', '==', 'enabled')],
    ['id=A', comparison('id', '==', 'A')],
    ['state!=draft', comparison('state', '!=', 'draft')],
    ['createdAt>=5', comparison('createdAt', '>=', '5')],
    ['createdAt<=5', comparison('createdAt', '<=', '5')],
    ['createdAt>1.5e3', comparison('createdAt', '>', '1.5e3')],
    ['metrics.durationSummary.startedAtUTC<-1', comparison('metrics.durationSummary.startedAtUTC', '<', '-1')],
    ['id==A,B', comparison('id', '==', 'A', 'B')],
    ['id!=A, B', comparison('id', '!=', 'A', 'B')],
    ['name=="google-big-query"', comparison('name', '==', 'google-big-query')],
    ['name=="a, b","c"', comparison('name', '==', 'a, b', 'c')],
    ['name=="==x"', comparison('name', '==', '==x')],
    ['name==a=b', comparison('name', '==', 'a=b')],
    ['name==5" pipe', comparison('name', '==', '5" pipe')],
    [' state == enabled ', comparison('state', '==', 'enabled')],
    ['params.columns[].name==id', comparison('params.columns[].name', '==', 'id')],
    ['sourceConnectionIds[]==x', comparison('sourceConnectionIds[]', '==', 'x')],
    ["größe.a'b.$c==1", comparison("größe.a'b.$c", '==', '1')],
  ])('reads %s', (parameter, expected) => {
    expect(parse(parameter)).toEqual({ filter: [expected], projection: null })
  })

  test('joins several parameters', () => {
    expect(parse('state==enabled', 'name!=x')).toEqual({
      filter: [comparison('state', '==', 'enabled'), comparison('name', '!=', 'x')],
      projection: null,
    })
  })

  test('reads a parameter without operator as a projection', () => {
    expect(parse('id,name', 'state==draft', 'name, state')).toEqual({
      filter: [comparison('state', '==', 'draft')],
      projection: ['id', 'name', 'state'],
    })
  })

  test('takes an empty parameter as absent', () => {
    expect(parse('', '  ')).toEqual({ filter: [], projection: null })
  })

  test.each([
    ['1450-400', 'name LIKE x'],
    ['1450-400', 'flowSpec.id'],
    ['1450-400', 'name!x'],
    ['1450-400', 'name=>5'],
    ['1450-400', 'name===x'],
    ['1450-400', 'name<>x'],
    ['1450-400', '==x'],
    ['1450-400', '.name==x'],
    ['1450-400', 'name.==x'],
    ['1450-400', 'a..b==x'],
    ['1450-400', 'a[0]==x'],
    ['1450-400', '[]==x'],
    ['1450-400', 'a\u0000b==x'],
    ['1450-400', `${Array(21).fill('a').join('.')}==x`],
    ['1450-400', 'name=="x'],
    ['1450-400', 'name=="x"y'],
    ['1450-400', 'id,,name'],
    ['1440-400', 'name~x'],
    ['1440-400', 'name~=x'],
    ['1443-400', 'createdAt>1,2'],
    ['1443-400', 'name<=a,b'],
    ['1443-400', `id==${Array(1001).fill('a').join(',')}`],
    ['1448-400', 'id>5'],
    ['1448-400', 'flowSpec.id<=a'],
    ['1453-400', 'createdAt=='],
    ['1453-400', 'id==a,,b'],
    ['1453-400', 'id==a,'],
    ['1453-400', 'name==""'],
    ['1452-400', 'createdAt>yesterday'],
    ['1452-400', 'metrics.recordSummary.inputRecordCount<many'],
    ['1452-400', 'metrics.sizeSummary.inputBytes>=1KB'],
    ['1452-400', 'metrics.latencySummary.maxMs>"fast"'],
    ['1452-400', 'lastRunDetails.startedAtUTC>2024-01-01'],
  ])('refuses with %s: %s', (code, parameter) => {
    expect(refusal(parameter).code).toBe(code)
  })

  test('says what was found and what to write instead', () => {
    expect(refusal('name=>5').detail).toBe(
      '"name=>5" uses =>, which is no operator: write ==, !=, >=, <=, > or <, and put a value that begins with one of these signs in double quotes',
    )
    expect(refusal('createdAt>yesterday').detail).toContain('which is not a number: write a number')
  })

  test('refuses more filters than the database could take', () => {
    expect(refusal(...Array<string>(101).fill('a==1')).code).toBe('1450-400')
  })

  test('compares a text property with a range operator', () => {
    expect(parse('name>m').filter).toEqual([comparison('name', '>', 'm')])
  })
})

describe('projection', () => {
  const document = { id: 'x', name: 'n', state: 'draft' }

  test('keeps the named members and the id', () => {
    expect(project(document, ['name', 'unknown'])).toEqual({ id: 'x', name: 'n' })
  })

  test('keeps everything when there is none', () => {
    expect(project(document, null)).toBe(document)
  })

  test('takes no member from the prototype', () => {
    expect(project(document, ['constructor', '__proto__'])).toEqual({ id: 'x' })
  })
})
