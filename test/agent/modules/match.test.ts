import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../jobs/harness.ts'

let harness: Harness

beforeAll(() => {
  harness = createHarness({
    grains: { os: 'Debian', nested: { key: 'value' }, ipv4: ['127.0.0.1', '192.0.2.7'] },
    pillar: { role: 'web', url: { git: 'https://example.org' } },
    settings: { options: { nodegroups: { debians: 'G@os:Debian' } } },
  })
})

afterAll(() => harness.close())

const keywords = (kwargs: Record<string, unknown>) => ({ __kwarg__: true, ...kwargs })

test.each<[string, string, unknown[], unknown]>([
  ['a compound target', 'compound', ['G@os:Deb* and I@role:web'], true],
  ['a compound target that is not well formed', 'compound', ['and *'], false],
  ['a compound target that is no text', 'compound', [7], false],
  ['a nodegroup in a compound target', 'compound', ['N@debians'], true],
  ['a nodegroup that there is not', 'compound', ['N@none'], false],
  ['another id in a compound target, with the grains of this minion', 'compound', ['L@foo,bar and G@os:Debian', 'foo'], true],
  ['a glob', 'glob', ['*'], true],
  ['a glob and another id', 'glob', ['web[0-9]', 'db1'], false],
  ['a glob and an id that is a number', 'glob', ['7', 7], true],
  ['an empty id, which is none', 'glob', ['?*', ''], true],
  ['a list', 'list', ['a,b', 'b'], true],
  ['a list of texts', 'list', [['a', 'b'], 'c'], false],
  ['an expression', 'pcre', ['we?b', 'web1'], true],
  ['an expression that is none', 'pcre', ['('], false],
  ['a grain', 'grain', ['os:deb*'], true],
  ['a grain without a value', 'grain', ['os'], false],
  ['a grain that is no text', 'grain', [7], false],
  ['a grain with another delimiter', 'grain', ['nested|key|value', keywords({ delimiter: '|' })], true],
  ['a grain with an empty delimiter', 'grain', ['os:Debian', ''], false],
  ['a grain by an expression', 'grain_pcre', ['os:(Debian|Ubuntu)$'], true],
  ['a grain by an expression that is none', 'grain_pcre', ['os:('], false],
  ['a pillar value', 'pillar', ['role:w*'], true],
  ['a pillar value with another delimiter', 'pillar', ['url|git|https://*', '|'], true],
  ['a pillar value by an expression', 'pillar_pcre', ['role:(web|db)'], true],
  ['a pillar value by an expression, with another delimiter', 'pillar_pcre', ['url|git|https://.*', '|'], true],
  ['an address', 'ipcidr', ['192.0.2.7'], true],
  ['a network', 'ipcidr', ['192.0.2.0/24'], true],
  ['a network of others', 'ipcidr', ['198.51.100.0/24'], false],
  ['what is no network', 'ipcidr', ['no address'], []],
  ['a map for a network', 'ipcidr', [{ a: 1 }], []],
])('%s', async (_what, name, arg, expected) => {
  expect((await harness.run(`match.${name}`, arg)).return).toEqual(expected)
})
