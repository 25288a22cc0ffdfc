import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { freePorts, siteEnvironment } from '../../scripts/lib/site.ts'

/** The shell blocks of a section of the front page, as one script. */
function blocksOf(section: string): string {
  const page = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const text = page.split(/^## /m).find((each) => each.startsWith(section))
  if (text === undefined) throw new Error(`README.md has no section ${section}`)
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((block) => block[1] ?? '').join('\n')
}

it('the tour of the front page runs as it stands', async () => {
  const home = mkdtempSync(join(tmpdir(), 'brine-readme-'))
  const [publish, request] = await freePorts()
  // Only the place and the ports are others, since several suites may run on one machine.
  const script = blocksOf('A tour')
    .replaceAll('/tmp/brine-tour', join(home, 'tour'))
    .replace('interface: 127.0.0.1', `interface: 127.0.0.1\npublish_port: ${publish}\nret_port: ${request}`)
    .replace('id: web1', `id: web1\nmaster_port: ${request}`)
  writeFileSync(join(home, 'tour.sh'), script)
  const shell = spawn('bash', ['-e', join(home, 'tour.sh')], { cwd: packageRoot, env: siteEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  shell.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))

  const [code] = (await once(shell, 'close')) as [number | null]

  expect({ code, output }).toMatchObject({ code: 0 })
  expect(output).toMatch(/web1:\n {4}True\n/)
  expect(output).toContain('"return":"Linux"')
  expect(output).toMatch(/master:\S+ +\d+ +\d+ +1 /)
  expect(output).toMatch(/\d{20} test\.ping/)
  rmSync(home, { recursive: true })
}, 120_000)
