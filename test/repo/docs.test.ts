import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { generatedPages } from '../../scripts/pages/pages.ts'

const pages = await generatedPages()

test.each(pages)('$path is what `npm run docs` writes', ({ path, text }) => {
  const now = existsSync(join(packageRoot, path)) ? readFileSync(join(packageRoot, path), 'utf8') : ''
  const lines = now.split('\n')
  const stale = text.split('\n').flatMap((line, index) => (line === lines[index] ? [] : [`${path}:${index + 1} is not up to date, run npm run docs: ${line}`]))

  expect(stale.slice(0, 1)).toEqual([])
  expect(now).toBe(text)
})

test('the pages have what they are about', () => {
  const textOf = (path: string) => pages.find((page) => page.path === path)?.text ?? ''

  expect(textOf('docs/configuration.md')).toMatch(/^\| `max_age` \| duration \(s\) \| `30d` \|/m)
  expect(textOf('docs/modules.md')).toContain('### test.ping\n')
  expect(textOf('docs/cli.md')).toMatch(/^### brine outbox list\n\n```\nbrine outbox list\n/m)
})

test('the help of every command has an example', () => {
  const cli = pages.find((page) => page.path === 'docs/cli.md')?.text ?? ''
  const sections = cli.split(/^##+ (?=brine )/m).slice(1)

  expect(sections.length).toBeGreaterThan(25)
  expect(sections.filter((section) => !section.includes('\nExamples:\n')).map((section) => section.split('\n')[0])).toEqual([])
})

test('every page that another one names is there', () => {
  const places = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(packageRoot, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
  const broken = places.flatMap((place) => {
    const text = readFileSync(join(packageRoot, place), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target ?? '')
    return links.filter((target) => !existsSync(join(packageRoot, dirname(place), target))).map((target) => `${place} → ${target}`)
  })

  expect(broken).toEqual([])
})
