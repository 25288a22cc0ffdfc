import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runBrine } from '../helpers/brine.ts'
import { describeServer } from './lib/describe-server.ts'
import { pgQuery } from './lib/pg-client.ts'
import { startPostgres } from './lib/postgres.ts'

describeServer({ returner: 'pgjsonb', title: 'PostgreSQL, by brine returner', program: 'postgres', start: startPostgres }, (server) => {
  test('an operator hears what is missing, makes it with one command or with the printed schema, and tries it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'brine-cli-'))
    const { host, port } = server()
    writeFileSync(join(root, 'minion'), [`root_dir: ${root}`, 'id: web1', `returner.pgjsonb.host: ${host}`, `returner.pgjsonb.port: '${port}'`, 'returner.pgjsonb.pass: secret', 'other.returner.pgjsonb.db: byhand'].join('\n'))
    const brine = (...args: string[]) => runBrine(['returner', ...args, '-c', root])

    const before = await brine('check', 'pgjsonb')
    expect(before).toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAIL {2}pgjsonb: brine returner check pgjsonb --create makes what is missing\n {6}needed: the table salt_returns is missing\n/) })
    const made = await brine('check', 'pgjsonb', '--create')
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {4}pgjsonb: opens;.*\n {6}made: the table salt_returns with its indexes\n/) })
    expect((await brine('check', 'pgjsonb')).stdout).toBe('ok    pgjsonb: opens; brine returner test pgjsonb sends a return\n')
    expect((await brine('test', 'pgjsonb')).stdout).toMatch(/^ok {4}pgjsonb: stored the test return/)
    expect(await pgQuery(server(), 'SELECT id, fun FROM salt_returns')).toEqual([{ id: 'web1', fun: 'brine.returner_test' }])

    await pgQuery(server(), 'CREATE DATABASE byhand')
    await pgQuery(server(), (await brine('show', 'pgjsonb', '--schema')).stdout, undefined, 'byhand')
    expect((await brine('check', 'pgjsonb', '--create', '--ret-config', 'other')).code).toBe(0)
    expect(await brine('show', 'local', '--schema')).toMatchObject({ code: 1, stderr: expect.stringMatching(/has no schema/) })
    expect(await brine('check', '--create')).toMatchObject({ stderr: expect.stringMatching(/Say whose target --create is for/) })
    rmSync(root, { recursive: true, force: true })
  }, 120_000)
})
