import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { masterSchema } from '../../config/master-schema.ts'
import { jsonSchemaOf, optionRows } from '../../config/option-rows.ts'
import { sampleYaml, yamlScalar } from '../../config/sample.ts'
import { OPTION_GROUPS, minionSchema } from '../../config/schema.ts'
import { exactDuration, exactSize, parseDuration, parseSize } from '../../config/units.ts'
import { parseYaml } from '../../config/yaml.ts'

const schemas = [
  { name: 'minion', schema: minionSchema },
  { name: 'master', schema: masterSchema },
]

function rowOf(name: string) {
  return optionRows(minionSchema).find((row) => row.path.join('.') === name)
}

function yamlOf(text: string): unknown {
  const parsed = parseYaml(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  return parsed.yaml.value
}

test('a row says of an option what the schema does', () => {
  expect(rowOf('sign_pub_messages')).toEqual({
    path: ['sign_pub_messages'], type: 'True or False', default: true, example: undefined, description: 'Accept only signed publications', salt: 'False', isGroup: false,
  })
  expect(rowOf('outbox.max_age')).toMatchObject({ type: 'duration (s)', default: '30d' })
  expect(rowOf('recon_max')).toMatchObject({ type: 'duration (ms)', default: 10_000 })
  expect(rowOf('outbox.max_bytes')).toMatchObject({ type: 'size', default: undefined, example: '512MiB' })
  expect(rowOf('outbox')).toMatchObject({ isGroup: true, salt: 'not in Salt' })
  expect(rowOf('ext_job_cache')).toMatchObject({ type: 'list of texts', default: [] })
})

describe.each(schemas)('of the $name', ({ schema }) => {
  const rows = optionRows(schema)

  test('every option has a description, and a default or an example (write prefault for what is transformed, and .meta({ example }) where there is no default)', () => {
    expect(rows.filter((row) => row.description === '').map((row) => row.path.join('.'))).toEqual([])
    expect(rows.filter((row) => !row.isGroup && row.default === undefined && row.example === undefined).map((row) => row.path.join('.'))).toEqual([])
  })

  test('the sample is all comments, and without them a configuration of the defaults', () => {
    const sample = sampleYaml(rows, ['A title'])
    expect(yamlOf(sample) ?? null).toBeNull()
    expect(Math.max(...sample.split('\n').filter((line) => line.startsWith('##')).map((line) => line.length))).toBeLessThanOrEqual(80)

    const set = yamlOf(sample.replaceAll(/^#/gm, '')) as Record<string, unknown>
    const withoutExamples = structuredClone(set)
    for (const { path: [first = '', second], default: standard } of rows) {
      if (standard !== undefined) continue
      if (second !== undefined) Reflect.deleteProperty(withoutExamples[first] as object, second)
      else if (rows.find((row) => row.path[0] === first)?.isGroup === false) Reflect.deleteProperty(withoutExamples, first)
    }

    expect(Object.keys(set)).toEqual(Object.keys(schema.shape))
    expect(schema.safeParse(set).error?.issues ?? []).toEqual([])
    expect(schema.parse(withoutExamples)).toEqual(schema.parse({}))
  })

  test('the JSON Schema takes the sample and refuses what is wrong', () => {
    const editor = z.fromJSONSchema(JSON.parse(JSON.stringify(jsonSchemaOf(schema, 'x'))) as Parameters<typeof z.fromJSONSchema>[0])
    const set = yamlOf(sampleYaml(rows, []).replaceAll(/^#/gm, '')) as Record<string, unknown>

    expect(editor.safeParse(set).error?.issues ?? []).toEqual([])
    expect(editor.safeParse({ ...set, my_own: 1 }).success).toBe(true)
    expect(editor.safeParse({ ...set, keysize: 'many' }).success).toBe(false)
    expect([.../"(kind|unit|example|format)":/.exec(JSON.stringify(jsonSchemaOf(schema, 'x'))) ?? []]).toEqual([])
  })
})

test('every group of the minion has options of its schema', () => {
  const grouped = OPTION_GROUPS.flatMap(([, options]) => Object.keys(options))

  expect(grouped.filter((name) => !Object.hasOwn(minionSchema.shape, name))).toEqual([])
  expect(new Set(grouped).size).toBe(grouped.length)
})

test('editors take durations and sizes as the configuration does', () => {
  const { properties } = jsonSchemaOf(minionSchema, 'x') as { properties: Record<string, { pattern: string; properties: Record<string, { pattern: string }> }> }
  const duration = new RegExp(properties['auth_timeout']?.pattern ?? '')
  const size = new RegExp(properties['outbox']?.properties['max_bytes']?.pattern ?? '')

  for (const text of ['5', '30s', '1h30m', '1.5h', '250ms', '1 d', '10_000', '', 's', '5x', '-1', '1h30', 'h1']) {
    expect([text, duration.test(text)]).toEqual([text, parseDuration(text, 's') !== undefined])
  }
  for (const text of ['64MiB', '1.5 GB', '1048576', '10_000', '5B', '1KB', '64M', '', 'MiB', '-1']) {
    expect([text, size.test(text)]).toEqual([text, parseSize(text) !== undefined])
  }
})

test.each([
  'text', '', 'yes', 'No', 'on', 'null', '~', '12', '0644', '1e3', '30d', '64MiB', '1:30', '2026-01-01', '/a b', '*', '# x', "it's", 'a: b', '- a', 'a\nb', '{x', '@x', 'True', 'ä',
  true, false, null, 0, -1, 0.5, [], ['a', 'no', []], {}, { a: { 'b c': ['*'] }, no: 1, '1': null },
])('%j reads back from YAML', (value) => {
  expect(yamlOf(`x: ${yamlScalar(value)}`)).toEqual({ x: value })
})

test.each([[0, '0'], [250, '250ms'], [90_000, '90s'], [5_400_000, '90m'], [86_400_000, '1d'], [1.5, '1.5']])('%j ms is written as %s', (ms, text) => {
  expect(exactDuration(ms)).toBe(text)
})

test.each([[0, '0'], [1000, '1000'], [1536, '1536'], [65_536, '64KiB'], [67_108_864, '64MiB']])('%j bytes are written as %s', (bytes, text) => {
  expect(exactSize(bytes)).toBe(text)
})
