import { describe, expect, test } from '@jest/globals'
import { FlowServiceError } from '../../src/errors.ts'
import { parseOrderBy } from '../../src/flow/order-by.ts'

const field = (path: string, direction: 'asc' | 'desc') => ({ path: path.split('.'), direction })

describe('orderby', () => {
  test.each([
    ['name', [field('name', 'asc')]],
    ['+name', [field('name', 'asc')]],
    ['-createdAt', [field('createdAt', 'desc')]],
    ['-createdAt,name', [field('createdAt', 'desc'), field('name', 'asc')]],
    [
      '-metrics.durationSummary.startedAtUTC,+flowId',
      [field('metrics.durationSummary.startedAtUTC', 'desc'), field('flowId', 'asc')],
    ],
  ])('reads %s', (value, expected) => {
    expect(parseOrderBy(value)).toEqual(expected)
  })

  test('takes a leading space as the plus sign that the URL decoding made of it', () => {
    expect(parseOrderBy(' name, createdAt')).toEqual([field('name', 'asc'), field('createdAt', 'asc')])
  })

  test.each([
    ['1432-400', '*name'],
    ['1432-400', '~name'],
    ['1432-400', '>name'],
    ['1432-400', '--name'],
    ['1432-400', '+-name'],
    ['1433-400', 'name,'],
    ['1433-400', ',name'],
    ['1433-400', '-'],
    ['1433-400', 'name.'],
    ['1433-400', '.name'],
    ['1433-400', 'params..name'],
    ['1433-400', 'activities[].name'],
    ['1433-400', 'name desc'],
    ['1433-400', 'name"; drop table entities'],
    ['1433-400', 'nonsense'],
    ['1433-400', 'constructor'],
    ['1433-400', Array(11).fill('name').join(',')],
  ])('refuses with %s: %s', (code, value) => {
    expect(() => parseOrderBy(value)).toThrow(FlowServiceError)
    expect(() => parseOrderBy(value)).toThrow(expect.objectContaining({ code }))
  })
})
