import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runBrine } from '../../helpers/brine.ts'

const CMDB = `import { defineReturner, secret, z } from 'brine/returner'

export default defineReturner({
  name: 'cmdb',
  summary: 'One line per return',
  options: z.strictObject({ url: z.string().describe('Where it goes.'), token: secret().optional() }),
  delivery: 'at-least-once',
  open: (options) => ({
    async returner() {
      throw new Error('no room at ' + options.url)
    },
    async close() {},
  }),
})
`

let root: string
let temporary: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-returner-'))
  temporary = join(root, 'tmp')
  mkdirSync(temporary)
  mkdirSync(join(root, 'returners'))
  writeFileSync(join(root, 'returners', 'cmdb.ts'), CMDB)
  writeFileSync(join(root, 'returners', 'bad.ts'), 'broken(')
  writeFileSync(
    join(root, 'minion'),
    [
      `root_dir: ${root}`, 'id: web1', `returner_dirs: [${root}/returners]`, 'ext_job_cache: rawfile_json', `rawfile_json.filename: ${root}/out.json`,
      'cmdb: {url: there, token: hunter2}', 'lab.cmdb.url: elsewhere', 'sqlite3.database: /nowhere/at/all.db', 'lab.mqtt.servers: ["mqtt://salt:hunter2@there"]', 'http: {url: "http://x/hunter2", headers: {X-A: hunter2}}',
    ].join('\n'),
  )
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function returner(...args: string[]) {
  return runBrine(['returner', ...args, '-c', root], { TMPDIR: temporary })
}

test('list tells where each comes from and whether it loads', async () => {
  const [people, programs] = await Promise.all([returner('list'), returner('list', '--json')])

  expect(people.stdout).toMatch(/^RETURNER +STATE +DELIVERY +SOURCE +SUMMARY\nbad +failed +- +\S+bad\.ts +SyntaxError/)
  expect(people.stdout).toMatch(new RegExp(`^cmdb +loaded +at-least-once +${root}/returners/cmdb.ts +One line per return$`, 'm'))
  expect(people.stdout).toMatch(/^sqlite3 +loaded +upsert +built-in +\S/m)
  expect(JSON.parse(programs.stdout)).toContainEqual({
    name: 'cmdb', source: `${root}/returners/cmdb.ts`, state: 'loaded', summary: 'One line per return', delivery: 'at-least-once', error: null, missing: [],
  })
  expect(readdirSync(temporary)).toEqual([])
})

test('show tells options, what is set and where, and a sample; secrets are masked', async () => {
  const [site, http, mqtt, near, broken] = await Promise.all([
    returner('show', 'cmdb'), returner('show', 'http', '--json'), returner('show', 'mqtt'), returner('show', 'cmbd'), returner('show', 'bad'),
  ])

  expect(site.stdout).toContain('  url: text, required\n      Where it goes.\n  token: secret\n')
  expect(site.stdout).toContain(`  url: there  # ${root}/minion:6:13\n  token: '***'  # ${root}/minion:6:27\n  lab: url: elsewhere  # ${root}/minion:7:15\n`)
  expect(site.stdout).toContain('Sample:\n  cmdb:\n    url: TEXT\n    # token: {file: /etc/brine/secret}\n')
  expect(mqtt.stdout).toContain("  lab: servers: ['mqtt://***@there']  # ")
  expect(site.stdout + http.stdout + mqtt.stdout).not.toContain('hunter2')
  expect(JSON.parse(http.stdout)).toMatchObject({ name: 'http', configured: [{ option: 'url', value: '***' }, { option: 'headers', value: { 'X-A': '***' } }] })
  expect(near).toMatchObject({ code: 1, stderr: 'brine: there is no returner "cmbd"; did you mean "cmdb"?\n' })
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringMatching(/returners\/bad\.ts\) does not load: SyntaxError/) })
})

test('check opens all that are in use, each profile too', async () => {
  const [all, one, missing] = await Promise.all([returner('check'), returner('check', 'cmdb', '--ret-config', 'lab', '--json'), returner('check', 'exec')])

  expect(all.code).toBe(1)
  expect(all.stdout.split('\n').map((line) => line.replace(/:.*/, '')).toSorted()).toEqual(
    ['', 'FAIL  mqtt@lab', 'FAIL  sqlite3', 'ok    cmdb', 'ok    cmdb@lab', 'ok    http', 'ok    rawfile_json'].toSorted(),
  )
  expect(all.stdout).toContain('ok    cmdb@lab: opens; brine returner test cmdb --ret-config lab sends a return\n')
  expect(JSON.parse(one.stdout)).toEqual([{ name: 'cmdb', retConfig: 'lab', ok: true }])
  expect(missing).toMatchObject({ code: 1, stdout: 'FAIL  exec: returner "exec" needs the option "command" (list of text)\n' })
})

test('one return that says it is a test is sent, and what came of it told', async () => {
  const [stored, refused, nowhere] = await Promise.all([returner('test', 'rawfile_json'), returner('test', 'cmdb', '--ret-config', 'lab', '--json'), returner('test', 'nope')])

  expect(stored).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {4}rawfile_json: stored the test return \d{20} in \d+ ms; filename: \S+\/out\.json\n$/) })
  expect(JSON.parse(readFileSync(join(root, 'out.json'), 'utf8'))).toMatchObject({ id: 'web1', fun: 'brine.returner_test', metadata: { brine_test: true } })
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.stdout)).toMatchObject({ destination: 'cmdb@lab', stored: false, what: 'did not store it, a delivery would be tried again: no room at elsewhere' })
  expect(nowhere).toMatchObject({ code: 1, stdout: 'FAIL  nope: there is no returner "nope"\n' })
})

test('types leads editors to the declarations, and leaves the file of somebody else alone', async () => {
  const directory = join(root, 'returners')
  rmSync(join(directory, 'bad.ts'))
  writeFileSync(join(directory, 'wrong.ts'), CMDB.replace("delivery: 'at-least-once'", "delivery: 'never'"))

  expect(await runBrine(['returner', 'types', directory])).toMatchObject({ code: 0, stdout: `wrote ${directory}/tsconfig.json\n` })
  const read = ts.readConfigFile(join(directory, 'tsconfig.json'), (path) => ts.sys.readFile(path))
  const { options, fileNames } = ts.parseJsonConfigFileContent(read.config, ts.sys, directory)
  const faults = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options)).map((one) => `${one.file?.fileName.split('/').at(-1)}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`)
  expect(faults).toEqual([expect.stringMatching(/^wrong\.ts: Type '"never"' is not assignable/)])

  expect((await runBrine(['returner', 'types', directory])).code).toBe(0)
  writeFileSync(join(directory, 'tsconfig.json'), '{}')
  expect(await runBrine(['returner', 'types', directory])).toMatchObject({ code: 1, stderr: expect.stringMatching(/is left alone; add the paths yourself/) })
  expect((await runBrine(['returner', 'types', join(root, 'none')])).stderr).toMatch(/is no directory/)
})
