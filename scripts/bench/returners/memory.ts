/** Memory of the agent and all its processes with 20 site returners, each in a process of its own: configured, in use, and idle again. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Service, type Site, waitFor } from '../../lib/site.ts'
import { mib, type Row } from '../figures.ts'
import { ping, startSite, statusOf } from '../minion.ts'
import { familyPss } from '../processes.ts'

const COUNT = 20
const IDLE_SECONDS = 3

export async function measureMemory(): Promise<Row[]> {
  const without = await settledWithout()
  const { configured, inUse, idle } = await stages()
  const row = (what: string, bytes: number): Row => ({ what, ours: mib(bytes), beside: mib(without), ratio: `${(bytes / without).toFixed(1)}×`, aim: '' })
  return [row('configured', configured), row('in use', inUse), row(`idle again for ${IDLE_SECONDS} s`, idle)]
}

const names = Array.from({ length: COUNT }, (_, index) => `files_${index}`)

function writeReturners(directory: string): void {
  mkdirSync(join(directory, 'out'), { recursive: true })
  for (const name of names) {
    writeFileSync(join(directory, `${name}.ts`), `import { appendFile } from 'node:fs/promises'
import { defineReturner, z } from 'brine/returner'
export default defineReturner({
  name: '${name}', summary: 'Appends to a file', delivery: 'at-least-once', maxBatch: 100, options: z.strictObject({ file: z.string() }),
  open: ({ file }) => ({ returner: (items) => appendFile(file, items.map(({ json }) => json + '\\n').join('')), async close() {} }),
})
`)
  }
}

async function settledWithout(): Promise<number> {
  const { site, minion } = await startSite(() => '')
  try {
    await ping(site)
    return await settled(minion)
  } finally {
    await site.close()
  }
}

async function stages(): Promise<{ configured: number; inUse: number; idle: number }> {
  const yaml = (directory: string): string => [
    `returner_dirs: [${join(directory, 'many')}]`,
    `returner_host: {idle_stop: ${IDLE_SECONDS}s}`,
    `return: [${names.join(', ')}]`,
    ...names.map((name) => `${name}: {file: ${join(directory, 'many', 'out', name)}}`),
  ].join('\n')
  const { site, minion } = await startSite((directory) => {
    writeReturners(join(directory, 'many'))
    return yaml(directory)
  })
  try {
    const configured = await settled(minion)
    const inUse = await highest(site, minion)
    await waitFor('the processes to end', 60_000, async () => ((await settled(minion)) < inUse / 2 ? true : undefined), 1000)
    return { configured, inUse, idle: await settled(minion) }
  } finally {
    await site.close()
  }
}

/** Pings until all have what was sent, and looks at the memory meanwhile. */
async function highest(site: Site, minion: Service): Promise<number> {
  let most = 0
  for (let number = 0; number < 50; number += 1) {
    await ping(site)
    most = Math.max(most, familyPss(minion.pid() ?? 0))
  }
  await waitFor('all of them to be stored', 120_000, async () => {
    most = Math.max(most, familyPss(minion.pid() ?? 0))
    return (await statusOf(site, minion)).lanes.every(({ queued }) => queued === 0) ? true : undefined
  }, 100)
  return most
}

/** When it no longer falls by half a mebibyte in two seconds. */
async function settled(minion: Service): Promise<number> {
  let pss = Infinity
  for (let now = familyPss(minion.pid() ?? 0); now < pss - 524_288; now = familyPss(minion.pid() ?? 0)) {
    pss = now
    await new Promise((resolve) => setTimeout(resolve, 2000))
  }
  return Math.min(pss, familyPss(minion.pid() ?? 0))
}
