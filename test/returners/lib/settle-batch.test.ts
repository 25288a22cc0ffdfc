import { expect, test } from 'vitest'
import { OperatorError, PartialError, PermanentError, RetryAfterError } from '../../../returners/contract.ts'
import { settleBatch, survivesBatch } from '../../../returners/lib/settle-batch.ts'
import { sampleBatch } from '../../../returners/testing.ts'

const batch = sampleBatch(3, 0)
const keys = batch.map(({ key }) => key)
const stored: PromiseSettledResult<unknown> = { status: 'fulfilled', value: undefined }
const failed = (reason: unknown): PromiseSettledResult<unknown> => ({ status: 'rejected', reason })

/** What the batch ends with; undefined when all is stored. */
function endOf(ends: PromiseSettledResult<unknown>[], items = batch): unknown {
  try {
    settleBatch(items, ends)
    return undefined
  } catch (error) {
    return error
  }
}

test('all acknowledged is stored', () => {
  expect(endOf([stored, stored, stored])).toBeUndefined()
})

test('what is refused for good is named, and the rest is stored', () => {
  expect(endOf([stored, failed(new PermanentError('too large')), stored])).toMatchObject({
    code: 'BRINE_PARTIAL', stored: [keys[0], keys[2]], rejected: [{ key: keys[1], error: 'too large' }],
  })
})

test('what failed otherwise is in neither list', () => {
  expect(endOf([stored, failed(new Error('gone')), failed(new PermanentError('too large'))])).toMatchObject({
    code: 'BRINE_PARTIAL', message: 'gone', stored: [keys[0]], rejected: [{ key: keys[2], error: 'too large' }],
  })
})

test.each([[new OperatorError('no right')], [new RetryAfterError('later', 7000)], [new Error('gone')]])('nothing stored: the first failure goes on as it is (%s)', (error) => {
  expect(endOf([failed(error), failed(new Error('another')), failed(new Error('a third'))])).toBe(error)
})

test('a lone one that is refused is refused, not a part of something', () => {
  expect(endOf([failed(new PermanentError('too large'))], batch.slice(0, 1))).toMatchObject({ code: 'BRINE_PERMANENT', message: 'too large' })
})

test('an end that is not known is no success', () => {
  expect(endOf([stored, failed('a text')])).toMatchObject({ code: 'BRINE_PARTIAL', message: 'a text', stored: [keys[0]] })
})

test('what was not sent is not stored, whatever is said of the others', () => {
  expect(endOf([])).toMatchObject({ message: 'not sent' })
  expect(endOf([stored, stored])).toMatchObject({ code: 'BRINE_PARTIAL', message: 'not sent', stored: [keys[0], keys[1]], rejected: [] })
})

test('a connection survives refusals, and nothing else', () => {
  expect(survivesBatch(new PermanentError('too large'))).toBe(true)
  expect(survivesBatch(endOf([stored, failed(new PermanentError('too large')), stored]))).toBe(true)
  expect(survivesBatch(endOf([stored, failed(new Error('gone')), stored]))).toBe(false)
  expect(survivesBatch(new PartialError('gone', { stored: [], rejected: [] }, { cause: new Error('gone') }))).toBe(false)
  expect(survivesBatch(new Error('gone'))).toBe(false)
})
