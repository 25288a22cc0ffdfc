import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toJsonValue } from '../../../agent/wire/json.ts'
import { type PillarQuestion, type PillarSettings, makePillarCompiler } from '../../../agent/pillar-roots/compile.ts'
import { recordingLog } from '../../master/test-master.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bp-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Files by their path below the root; `base/` and `dev/` are environments. */
function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

function compiler(settings: Partial<PillarSettings> = {}) {
  const all: PillarSettings = {
    pillar_roots: { base: [join(root, 'base')], dev: [join(root, 'dev')] },
    state_top: 'top.sls',
    pillar_source_merging_strategy: 'smart',
    pillar_merge_lists: false,
    pillar_includes_override_sls: false,
    nodegroups: { front: 'web1,web2' },
    ...settings,
  }
  const compile = makePillarCompiler(all, recordingLog([]))
  return (question: Partial<PillarQuestion> = {}) =>
    toJsonValue(compile({ id: 'web1', grains: { id: 'web1', os: 'Debian', ipv4: ['10.1.2.3'] }, saltenv: null, pillarenv: null, override: {}, ...question }))
}

describe('targets of the top file', () => {
  test('give each sls in their order, whatever they match by', () => {
    write({
      'base/top.sls': `
base:
  '*': [common]
  'web* and not G@role:db': [web]
  'os:Deb*': [{match: grain}, deb]
  'web1,db1': [{match: list}, {order: -1}, listed]
  'web\\d+': [{match: pcre}, 'gl*']
  front: [{match: nodegroup}, grouped]
  '10.0.0.0/8': [{match: ipcidr}, net]
  'os:^Deb': [{match: grain_pcre}, {ignore_missing: true}, gone]
  'db*': [other]
`,
      'dev/top.sls': "dev: {'*': [devonly]}\n",
      'base/common.sls': 'users: {alice: {uid: 1, shell: sh}}\nlist: [1, 2]\n',
      'base/web/init.sls': 'users: {alice: {shell: bash}, bob: {uid: 2}}\nlist: [3]\n',
      'base/deb.sls': 'deb: yes\n',
      'base/listed.sls': 'order: first\n',
      'base/gl1.sls': 'g1: 1\n',
      'base/gl2.sls': 'g2: 2\n',
      'base/grouped.sls': 'grouped: true\n',
      'base/net.sls': 'net: true\n',
      'base/other.sls': 'other: true\n',
      'dev/devonly.sls': 'users: {carol: {}}\n',
    })

    const pillar = compiler()()

    expect(JSON.stringify(pillar)).toBe(
      '{"order":"first","users":{"alice":{"uid":1,"shell":"bash"},"bob":{"uid":2},"carol":{}},"list":[3],"deb":true,"g1":1,"g2":2,"grouped":true,"net":true}',
    )
    expect(compiler()({ pillarenv: 'dev' })).toEqual({ users: { carol: {} } })
    expect(compiler()({ pillarenv: '../base' })).toEqual({})
  })

  test('a missing sls, an unknown environment and an unknown matcher are told', () => {
    write({
      'base/top.sls': "base: {'*': [gone], web1: [{match: magic}, gone]}\nqa: {'*': [gone]}\n",
    })

    expect(compiler()()).toEqual({
      _errors: [
        'Attempting to match with unknown matcher: magic',
        "Specified SLS 'gone' in environment 'base' is not available on the salt master",
        "No matching pillar environment for environment 'qa' found",
      ],
    })
  })

  test('nothing without a top file, and an error for one of another shape', () => {
    expect(compiler()()).toEqual({})

    write({ 'base/top.sls': 'base: [web]\n' })

    expect(compiler()()).toEqual({ _errors: ['Error encountered while rendering pillar top file. Environment base is no map of targets.'] })
  })

  test('a top file may include others', () => {
    write({ 'base/top.sls': 'include: [more.top]\n', 'base/more/top.sls': "base: {'*': [a]}\n", 'base/a.sls': 'a: 1\n' })

    expect(compiler()()).toEqual({ a: 1 })
  })
})

describe('includes', () => {
  const top = "base: {'*': [web]}\n"

  test('come before the file itself, relative, under a key, and by glob', () => {
    write({
      'base/top.sls': top,
      'base/web/init.sls': 'include: [.nginx, {web.tls: {key: "tls:certs"}}, shared/*]\nweb: own\n',
      'base/web/nginx.sls': 'web: included\nnginx: {workers: 4}\n',
      'base/web/tls.sls': 'path: /etc/ssl\n',
      'base/shared/a.sls': 'a: 1\n',
      'base/shared/b.sls': 'b: 1\n',
    })

    expect(compiler()()).toEqual({ web: 'own', nginx: { workers: 4 }, tls: { certs: { path: '/etc/ssl' } }, a: 1, b: 1 })
    expect(compiler({ pillar_includes_override_sls: true })()).toMatchObject({ web: 'included' })
  })

  test('in a circle end, and what is wrong in one is told', () => {
    write({ 'base/top.sls': top, 'base/web.sls': 'include: [a, gone, 5]\nweb: 1\n', 'base/a.sls': 'include: [web]\na: 1\n' })

    expect(compiler()()).toEqual({
      web: 1, a: 1,
      _errors: [
        "Specified SLS 'gone' in environment 'base' is not available on the salt master",
        "Include Declaration in SLS 'web' has a member that is neither a name nor a map of one",
      ],
    })
  })

  test('that are no list are told', () => {
    write({ 'base/top.sls': top, 'base/web.sls': 'include: a\nweb: 1\n' })

    expect(compiler()()).toEqual({ web: 1, _errors: ["Include Declaration in SLS 'web' is not formed as a list"] })
  })
})

describe('a file that cannot be read as plain YAML', () => {
  const cases: [string, string, string][] = [
    ['Jinja blocks', 'a: 1\n{% if true %}\nb: 2\n{% endif %}\n', 'web.sls:2: Jinja ({% or {{) is not rendered here; write plain YAML'],
    ['Jinja expressions', "a: {{ pillar['x'] }}\n", 'web.sls:1: Jinja ({% or {{) is not rendered here; write plain YAML'],
    ['another renderer', '#!py\ndef run(): return {}\n', 'web.sls:1: there is no renderer but yaml here; write plain YAML and remove the line that names another'],
    ['a pipeline', '#!yaml|gpg\na: 1\n', 'web.sls:1: there is no renderer but yaml here; write plain YAML and remove the line that names another'],
    ['broken YAML', 'a: 1\n  b: [hunter2\n', 'web.sls:1:4: nested maps cannot stand on one line; perhaps a text with a colon needs quotes'],
    ['a key twice', 'a: 1\na: 2\n', 'web.sls:2:1: this key occurs twice in the same map'],
  ]

  test.each(cases)('%s: the rest is given, and the error says where and what to do', (_name, text, error) => {
    write({ 'base/top.sls': "base: {'*': [web, other]}\n", 'base/web.sls': text, 'base/other.sls': '#!yaml\nother: 1\n' })

    expect(compiler()()).toEqual({ other: 1, _errors: [`Rendering SLS 'web' failed, render error:\n${error}`] })
  })

  test('a list is no pillar', () => {
    write({ 'base/top.sls': "base: {'*': [web]}\n", 'base/web.sls': '[1]\n' })

    expect(compiler()()).toEqual({ _errors: ["SLS 'web' does not render to a dictionary"] })
  })

  test('also a top file is told with its place', () => {
    write({ 'base/top.sls': "base:\n  '*':\n    {% if x %}\n" })

    expect(compiler()()).toEqual({ _errors: ['Rendering Primary Top file failed, render error:\ntop.sls:3: Jinja ({% or {{) is not rendered here; write plain YAML'] })
  })
})

describe('merging', () => {
  const files = { 'base/top.sls': "base: {'*': [a, b]}\n", 'base/a.sls': 'm: {x: 1, l: [1, 2]}\nn: 1\n', 'base/b.sls': 'm: {y: 2, l: [2, 3]}\n' }

  test.each<[string, Partial<PillarSettings>, unknown]>([
    ['smart', {}, { m: { x: 1, l: [2, 3], y: 2 }, n: 1 }],
    ['with lists', { pillar_merge_lists: true }, { m: { x: 1, l: [1, 2, 3], y: 2 }, n: 1 }],
    ['overwrite', { pillar_source_merging_strategy: 'overwrite' }, { m: { y: 2, l: [2, 3] }, n: 1 }],
  ])('%s', (_name, settings, expected) => {
    write(files)

    expect(compiler(settings)()).toEqual(expected)
  })

  test('none takes the one environment', () => {
    write({ ...files, 'dev/top.sls': "dev: {'*': [d]}\n", 'dev/d.sls': 'd: 1\n' })

    expect(compiler({ pillar_source_merging_strategy: 'none' })({ saltenv: 'dev' })).toEqual({ d: 1 })
  })

  test('what the minion overrides counts most', () => {
    write(files)

    expect(compiler()({ override: { n: 5, m: { x: 9 } } })).toEqual({ n: 5, m: { x: 9, l: [2, 3], y: 2 } })
  })

  test("YAML's << takes over members", () => {
    write({ 'base/top.sls': "base: {'*': [a]}\n", 'base/a.sls': 'base: &b {a: 1, b: 2}\nmore: &m {b: 5, c: 6}\nuse: {<<: [*b, *m], b: 3}\n' })

    expect(compiler()()).toMatchObject({ use: { a: 1, b: 3, c: 6 } })
  })
})

test('a changed file is read again, in the first directory that has it', () => {
  write({ 'base/top.sls': "base: {'*': [a]}\n", 'base/a.sls': 'a: 1\n', 'first/a.sls': 'a: first\n' })
  const ask = compiler()
  expect(ask()).toEqual({ a: 1 })

  write({ 'base/a.sls': 'a: 2\n' })
  utimesSync(join(root, 'base/a.sls'), 1, 1)

  expect(ask()).toEqual({ a: 2 })
  expect(compiler({ pillar_roots: { base: [join(root, 'first'), join(root, 'base')] } })()).toEqual({ a: 'first' })
})
