import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import definition from '../../returners/smtp/index.ts'
import { openWith } from '../../returners/lib/suite/suite.ts'
import { sampleBatch } from '../../returners/testing.ts'

/** How a return ends at a server that takes everything, and answers so to the text of the mail. */
async function endAfterText(answer: string): Promise<unknown> {
  const listener = createServer((socket) => {
    let inText = false
    socket.on('error', () => {})
    socket.write('220 test\r\n')
    socket.on('data', (chunk) => {
      for (const line of String(chunk).split('\r\n').slice(0, -1)) {
        if (inText && line !== '.') continue
        socket.write(`${inText ? answer : line === 'DATA' ? '354 go on' : '250 test'}\r\n`)
        inText = line === 'DATA'
      }
    })
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const handle = await openWith(definition, { host: '127.0.0.1', port: (listener.address() as AddressInfo).port, from: 'salt@example.com', to: 'ops@example.com', timeout: 5 })
  onTestFinished(async () => {
    await handle.close()
    listener.close()
  })
  return handle.returner(sampleBatch(1, 1), new AbortController().signal).then(() => 'stored', (error: unknown) => error)
}

test('a mail that the server has taken is stored', async () => {
  expect(await endAfterText('250 taken')).toBe('stored')
})

test('a mail whose text is refused is a dead letter', async () => {
  expect(await endAfterText('554 no such words here')).toMatchObject({ code: 'BRINE_PERMANENT' })
})

test.each([['354 go on'], ['what is no reply']])('an answer that is none to the text of a mail says nothing of the mail: %s', async (answer) => {
  const end = await endAfterText(answer)
  expect(end).toMatchObject({ message: expect.stringContaining('Message failed') })
  expect(end).not.toHaveProperty('code')
})
