import { afterEach, expect, test } from 'vitest'
import { delivery, notAborted, startTestHost, type TestHost } from '../../helpers/returner-host.ts'

let site: TestHost | undefined

afterEach(async () => {
  await site?.close()
  site = undefined
})

test('what was stored counts, however much is said of the many that were refused', async () => {
  site = await startTestHost(['rejects.ts'], () => ({ rejects: {} }))
  const destination = await site.destination('rejects')
  const batch = Array.from({ length: destination.maxBatch }, (_, index) => delivery(index))

  const answer = await destination.send(batch, notAborted)
  expect(answer).toMatchObject({ kind: 'partial', error: 'not all', stored: [0] })
  expect('rejected' in answer && answer.rejected.map(({ deliveryId }) => deliveryId)).toEqual(batch.slice(1).map(({ deliveryId }) => deliveryId))
})
