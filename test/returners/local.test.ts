import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'

const file = (path: string) => JSON.stringify(pathToFileURL(join(packageRoot, path)).href)
/** Prints one large return while a timer says that the event loop is free, then says on stderr what it saw. */
const program = `
  const { default: definition } = await import(${file('returners/local/index.ts')})
  const { sampleItem, sampleReturn, sampleContext } = await import(${file('returners/testing.ts')})
  const handle = await definition.open({}, sampleContext())
  let ticks = 0
  const timer = setInterval(() => { ticks += 1; if (ticks === 3) process.stderr.write('free\\n') }, 1)
  await handle.returner([sampleItem(sampleReturn('1', { return: 'x'.repeat(4000000) }))], new AbortController().signal)
  clearInterval(timer)
  process.stderr.write('done\\n')
`

test('prints on a pipe that is read late without blocking the process', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  let said = ''

  // Nobody reads the pipe until the program has said that its event loop turns.
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said === 'free\n') child.stdout.on('data', (bytes: Buffer) => void chunks.push(bytes))
  })
  const code = await new Promise((resolve) => child.once('close', resolve))

  expect(code).toBe(0)
  expect(said).toBe('free\ndone\n')
  const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { jid: string; return: string }).return.length)).toEqual([4_000_000])
})
