import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError, UnsupportedApiError } from '@platformatic/kafka'
import { describe, expect, test } from 'vitest'
import type { ReturnItem } from '../../returners/contract.ts'
import { batchesOf } from '../../returners/kafka/batches.ts'
import { kafkaError } from '../../returners/kafka/errors.ts'
import definition from '../../returners/kafka/index.ts'
import { openWith } from '../../returners/lib/suite/suite.ts'
import { sampleBatch, sampleItem } from '../../returners/testing.ts'

const codeOf = (error: unknown) => (kafkaError('place', error) as { code?: string }).code
const wrapped = (...errors: Error[]) => new MultipleErrors('Producing messages failed.', [new MultipleErrors('inner', errors)])

describe('what a broker or the driver says', () => {
  test.each([
    ['a wrong password', new NetworkError('failed', { cause: new AuthenticationError('SASL authentication failed.') }), 'BRINE_OPERATOR'],
    ['a way to log in that the broker has not', wrapped(new ProtocolError('UNSUPPORTED_SASL_MECHANISM')), 'BRINE_OPERATOR'],
    ['a broker that is too old', new UnsupportedApiError('Unsupported API Produce.'), 'BRINE_OPERATOR'],
    ['a certificate that nobody vouches for', wrapped(new NetworkError('failed', { cause: Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }) })), 'BRINE_OPERATOR'],
    ['too large', wrapped(new ProtocolError('MESSAGE_TOO_LARGE')), 'BRINE_PERMANENT'],
    ['a clock of ours that is wrong, as the topic sees it', wrapped(new ProtocolError('INVALID_TIMESTAMP')), 'BRINE_OPERATOR'],
    ['too large, and a leader that has moved', wrapped(new ProtocolError('MESSAGE_TOO_LARGE'), new ProtocolError('NOT_LEADER_OR_FOLLOWER')), undefined],
    ['a leader that has moved', wrapped(new ProtocolError('NOT_LEADER_OR_FOLLOWER')), undefined],
    ['nothing that is known', 'what?', undefined],
  ])('%s', (_name, error, code) => {
    expect(codeOf(error)).toBe(code)
  })

  test('is quoted from its innermost', () => {
    expect(kafkaError('broker:9092, topic salt', wrapped(new ProtocolError('NOT_ENOUGH_REPLICAS'))).message).toMatch(/^broker:9092, topic salt: Messages are rejected.*\(NOT_ENOUGH_REPLICAS\)$/)
  })
})

test('a broker that does not let us in, and hangs up hard, calls for an operator and harms nothing', async () => {
  const closed = Promise.withResolvers<void>()
  const broker = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('close', () => closed.resolve())
    socket.once('data', (request) => {
      // SaslHandshake: the number of the question, error 33, no mechanisms.
      socket.write(Buffer.concat([Buffer.from([0, 0, 0, 10]), request.subarray(8, 12), Buffer.from([0, 33, 0, 0, 0, 0])]))
      socket.once('end', () => socket.resetAndDestroy())
    })
  }).listen(0, '::1')
  await once(broker, 'listening')
  const handle = await openWith(definition, { bootstrap: [`[::1]:${(broker.address() as AddressInfo).port}`], topic: 'salt', username: 'salt', password: 'hunter2' })

  const end = await handle.returner(sampleBatch(1, 1), new AbortController().signal).catch((error: unknown) => error)

  expect(end).toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining('(UNSUPPORTED_SASL_MECHANISM)') })
  await closed.promise
  await handle.close()
  broker.close()
})

test('returns go by partition, in order, in batches that a broker takes', () => {
  const items = sampleBatch(9, 1).map(({ ret }, index) => sampleItem({ ...ret, return: 'x'.repeat(index === 4 ? 900_000 : 200_000) }))
  const partitionOf = (key: string) => items.findIndex((item) => item.key === key) % 2
  const shape = batchesOf(items, partitionOf).map((batch) => [batch.partition, ...batch.items.map((item: ReturnItem) => items.indexOf(item))])

  expect(shape).toEqual([[0, 0, 2], [1, 1, 3], [0, 4], [1, 5, 7], [0, 6, 8]])
})
