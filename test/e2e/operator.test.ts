import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AgentStatus } from '../../agent/control/status.ts'
import { callControl } from '../../agent/control/client.ts'
import { controlSocketPath } from '../../agent/control/protocol.ts'
import { renderStatus } from '../../agent/cli/status.ts'
import { until } from '../helpers/until.ts'
import { startWholeSite, type WholeSite } from '../helpers/whole-site.ts'

const home = mkdtempSync(join(tmpdir(), 'brine-operator-'))
const spool = join(home, 'spool')
let site: WholeSite

// A returner whose directory is not there: only a person can mend that.
const SPOOL = `import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineReturner, OperatorError, z } from 'brine/returner'
export default defineReturner({
  name: 'spool', summary: 'Puts each return into a directory', delivery: 'upsert', options: z.strictObject({ directory: z.string() }),
  open: ({ directory }) => ({
    async returner(items) {
      for (const { ret, json } of items) {
        await writeFile(join(directory, ret.jid), json).catch((error) => { throw new OperatorError(\`\${directory} is not there\`, { cause: error }) })
      }
    },
    async close() {},
  }),
})
`

beforeAll(async () => {
  site = await startWholeSite({
    minions: {
      m1: ['returner_dirs: [/returners]', 'return: spool', 'spool:', `  directory: ${spool}`, '  filter: {exclude: [test.echo]}'],
    },
    files: { 'm1/returners/spool.ts': SPOOL },
  })
}, 60_000)

afterAll(async () => {
  await site.close()
  rmSync(home, { recursive: true })
})

const socket = () => controlSocketPath(join(site.root, 'm1/run/brine/minion'))

async function status(): Promise<AgentStatus> {
  return (await callControl(socket(), 'status')) as AgentStatus
}

it('what only an operator can mend is told on the event bus and by brine status, retried slowly, and stored when it is mended', async () => {
  const alarmed = site.master.event('brine/m1/destination/operator')
  expect(await site.run('test.ping')).toEqual({ m1: true })
  expect(JSON.stringify(await alarmed)).toContain(`${spool} is not there`)

  const lane = (await status()).lanes.find(({ destination }) => destination === 'spool')
  expect(lane).toMatchObject({ state: 'operator', queued: 1, lastError: `${spool} is not there` })
  // An hour is the option's default: jitter keeps it above half of that.
  expect((lane?.nextAttemptAt ?? 0) - Date.now()).toBeGreaterThan(20 * 60_000)
  expect(renderStatus(await status(), Date.now(), 200).join('\n')).toMatch(/spool +operator +1 .*spool is not there/)
})

it('what a filter leaves out is counted by brine status', async () => {
  expect(await site.run('test.echo', ['x'])).toEqual({ m1: 'x' })
  const shown = await until(async () => renderStatus(await status(), Date.now(), 200).find((line) => line.includes('its filter left out')), 'it is counted')
  expect(shown).toBe('spool: its filter left out 1 return since the start; of the last one: test.echo is excluded (test.echo)')
})

it('what an operator has mended and asks for is stored at once, and the bus is told', async () => {
  mkdirSync(spool)
  await callControl(socket(), 'outbox.retry', { filter: { destination: 'spool' } })

  await until(() => readdirSync(spool).length === 1, 'it is stored')
  expect(await site.master.event('brine/m1/destination/up')).toMatchObject({ tag: 'brine/m1/destination/up' })
  expect((await status()).lanes.find(({ destination }) => destination === 'spool')).toMatchObject({ state: 'healthy', queued: 0 })
})
