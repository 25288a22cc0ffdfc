import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { readFiles, ROOMS, type SourceFile } from './source.ts'

const code = readFiles(ROOMS, /\.m?ts$/)
const product = code.filter(({ path }) => !/^(test|scripts)\//.test(path))

/** Files that may be longer than the rest, each with the reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
}
const MAX_LINES = 400
const MAX_WIDTH = 180

/** Things that only some files may do: what it looks like → where it belongs. */
const PLACES: readonly { what: string; pattern: RegExp; allowed: RegExp }[] = [
  { what: 'console', pattern: /\bconsole\.\w+\(/, allowed: /^(bin|agent\/cli|master\/cli)\// },
  {
    what: 'process.exit',
    pattern: /\bprocess\.exit\(/,
    allowed: /^(bin\/|agent\/cli\/|master\/cli\/|agent\/returner-host\/child\.ts$|agent\/jobs\/job-process-entry\.ts$)/,
  },
  {
    what: 'process.env',
    pattern: /\bprocess\.env\b/,
    allowed: /^(bin\/|agent\/cli\/|master\/cli\/|agent\/minion\.ts$|agent\/minion\/(settings|modules)\.ts$|agent\/returner-host\/(child|environment)\.ts$|agent\/jobs\/job-process-entry\.ts$|returners\/lib\/program\.ts$|master\/returner\.ts$)/,
  },
  { what: 'signals', pattern: /\bprocess\.on\('SIG/, allowed: /^(bin\/|agent\/cli\/|master\/cli\/|agent\/returner-host\/child\.ts$|agent\/jobs\/job-process-entry\.ts$)/ },
  { what: 'Math.random', pattern: /\bMath\.random\(/, allowed: /^agent\/clock\.ts$/ },
  { what: 'any', pattern: /(:|<|\bas) any\b/, allowed: /^$/ },
  { what: 'a non-null assertion', pattern: /[\w)\]]!(\.|\[|;|,|\))/, allowed: /^$/ },
  { what: 'an enum', pattern: /^\s*(export )?(const )?enum /m, allowed: /^$/ },
  { what: 'a switched-off check', pattern: /@ts-(ignore|nocheck|expect-error)|oxlint-disable|eslint-disable/, allowed: /^$/ },
  { what: 'unfinished work', pattern: /\b(TODO|FIXME|XXX|HACK)\b/, allowed: /^$/ },
]

/** The text without comments and quoted texts, so that only code is looked at. Good enough for looking, not for compiling. */
function codeOf({ text }: SourceFile): string {
  return text
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, (quoted) => (quoted.startsWith("'SIG") ? quoted : "''"))
}

describe('shape', () => {
  test('no file is long without a reason', () => {
    const long = code.filter(({ path, text }) => text.split('\n').length > MAX_LINES && LONG_FILES[path] === undefined)

    expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length}`)).toEqual([])
  })

  test('no reason outlives its file', () => {
    const needed = new Set(code.filter(({ text }) => text.split('\n').length > MAX_LINES).map((file) => file.path))

    expect(Object.keys(LONG_FILES).filter((path) => !needed.has(path))).toEqual([])
  })

  test('lines can be read without scrolling', () => {
    const wide = product.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (line.length > MAX_WIDTH ? [`${path}:${index + 1}`] : [])),
    )

    expect(wide).toEqual([])
  })

  test('every exported function of the product says what it does', () => {
    const silent = product.flatMap(({ path, text }) =>
      [...text.matchAll(/(\S[^\n]*)?\n(export (?:async )?function\*? (\w+))/g)]
        .filter(([, before]) => !/(\*\/|^\)|^\/\/)/.test(before ?? ''))
        // The further signatures of an overloaded function share the comment of the first.
        .filter(([, before, , name]) => !(before ?? '').includes(`function ${name}`))
        .map(([, , , name]) => `${path}: ${name}`),
    )

    expect(silent).toEqual([])
  })
})

describe('places', () => {
  test.each(PLACES)('$what stands only where it belongs', ({ pattern, allowed }) => {
    const found = product.filter((file) => !allowed.test(file.path) && pattern.test(codeOf(file)))

    expect(found.map((file) => file.path)).toEqual([])
  })

  test('the patterns find what they look for', () => {
    const bad: Record<string, string> = {
      console: 'console.log(1)',
      'process.exit': 'process.exit(1)',
      'process.env': "process.env['X']",
      signals: "process.on('SIGTERM', stop)",
      'Math.random': 'Math.random()',
      any: 'const x: any = 1',
      'a non-null assertion': 'x!.y',
      'an enum': 'export enum X {}',
      'a switched-off check': '@ts-ignore',
      'unfinished work': 'TODO',
    }

    expect(PLACES.filter(({ what, pattern }) => !pattern.test(bad[what] ?? '')).map(({ what }) => what)).toEqual([])
  })
})

/** Paths of a place where code is written rather than run. */
const FOREIGN = /\/(work|root)\/|\/home\/(?!brine|user|you)/

test('the project speaks of itself only', () => {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: packageRoot, encoding: 'utf8' })
  const paths = listed.split('\n').filter((path) => /\.(m?ts|c?js|json|md|ya?ml|sql|sh)$|^(bin\/brine|\.ci\/run|LICENSE|\.\w+rc)$/.test(path))
  const texts = paths.map((path) => ({ path, text: readFileSync(join(packageRoot, path), 'utf8') }))
  const foreign = texts.filter(({ path }) => path !== 'test/repo/style.test.ts').flatMap(({ path, text }) => text.split('\n').flatMap((line, index) => (FOREIGN.test(line) ? [`${path}:${index + 1}`] : [])))

  expect(paths.length).toBeGreaterThan(100)
  expect(foreign).toEqual([])
})
