import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { scrub } from '../../../agent/returner-host/failure.ts'
import { captureLines } from '../../../agent/returner-host/output.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'

const secret = 'a-very-long-password'

test.each([['ends', '\n'], ['never ends', '']])('a secret where a line that %s is cut is known as one', async (_how, end) => {
  const stream = new PassThrough()
  const said: string[] = []
  captureLines(stream, createFakeClock(), (line) => scrub(line, [secret]), (line) => said.push(line))
  stream.write('x'.repeat(190))
  stream.end(`${secret}${end}`)
  await once(stream, 'end')

  expect(said).toEqual([`${'x'.repeat(190)}***`])
})
