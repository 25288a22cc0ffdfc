import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLinkBench, MINION_ID } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { requestPillar } from '../../../agent/pillar/pillar.ts'
import type { LinkBench } from '../../helpers/link-bench.ts'
import type { RsaPair, ScriptedMaster } from '../../helpers/scripted-master.ts'

let key: RsaPair
let master: ScriptedMaster
let bench: LinkBench
const request = { id: MINION_ID, grains: { os: 'Test' }, saltenv: 'base', pillarenv: null }

beforeAll(() => {
  key = createRsaPair()
})
beforeEach(async () => {
  master = await createScriptedMaster(key)
  bench = await createLinkBench(master)
  bench.link.start()
  await bench.reached('connected')
})
afterEach(async () => {
  await bench.close()
  await master.shut()
})

describe('the pillar', () => {
  test('is asked for with the grains, and given as it is', async () => {
    master.script.pillar = { role: 'web', secret: 'größe' }
    expect(await requestPillar(bench.link, request)).toEqual({ role: 'web', secret: 'größe' })
    expect(master.requests.at(-1)).toMatchObject({ cmd: '_pillar', id: MINION_ID, ver: '2', grains: { os: 'Test' }, saltenv: 'base', pillarenv: null })
  })

  test('that is no map is an error', async () => {
    master.script.pillar = ['a']
    await expect(requestPillar(bench.link, request)).rejects.toThrow(/not a map/)
  })

  test('is fetched with a new session when the old one is unknown', async () => {
    master.script.pillar = { role: 'web' }
    master.sessionKey = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc='
    expect(await requestPillar(bench.link, request)).toEqual({ role: 'web' })
  })
})
