/** Every block of shell of docs/operations.md, run one after the other beside an embedded master. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { createSite, siteEnvironment } from '../../scripts/lib/site.ts'

const page = readFileSync(join(packageRoot, 'docs', 'operations.md'), 'utf8')
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((block) => block[1] ?? '')

test('the blocks of the page run as they stand', async () => {
  const site = await createSite({ minionIds: [] })
  const home = mkdtempSync(join(tmpdir(), 'brine-operations-'))
  const masterPort = /^ret_port: (?<port>\d+)$/m.exec(readFileSync(join(site.master.directory, 'master'), 'utf8'))?.groups?.['port'] ?? ''
  try {
    mkdirSync(join(home, 'etc'))
    site.master.start()
    const ready = 'until brine key list -c "$MASTER_DIR" > /dev/null 2>&1; do sleep 0.2; done'
    const marked = blocks.map((block, index) => `echo "== block ${index}"\n${block}`)
    writeFileSync(join(home, 'page.sh'), ["trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT", ready, ...marked].join('\n'))
    const shell = spawn('bash', ['-eu', '-o', 'pipefail', join(home, 'page.sh')], {
      env: {
        ...siteEnvironment(),
        PATH: [join(packageRoot, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
        BRINE_CONFIG_DIR: join(home, 'etc'),
        MASTER_DIR: site.master.directory,
        MASTER_PORT: masterPort,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    shell.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const [code] = (await once(shell, 'close')) as [number | null]

    if (code !== 0) throw new Error(`the page ended with exit code ${code}:\n${output}`)
    expect(blocks.length).toBeGreaterThan(6)
    expect(output).toContain('the configuration is good\n')
    expect(output).toMatch(/^fail {2}|^warn {2}agent: none runs/m)
    expect(output).toMatch(/^ok {4}link 127\.0\.0\.1: connected$/m)
    expect(output).toMatch(/^ok {4}master key: pinned, fingerprint /m)
    expect(output).toMatch(/^connected true\nstore writable true bytes \d+ of \d+\n/m)
    expect(output).toContain('nothing matches\n0 deliveries due now\n')
  } finally {
    await site.close()
    rmSync(home, { recursive: true, force: true })
  }
}, 120_000)

test('the unit for systemd starts what there is', () => {
  const unit = /^```ini\n(?<unit>[\s\S]*?)^```/m.exec(page)?.groups?.['unit'] ?? ''

  expect(unit).toMatch(/^ExecStart=\/usr\/bin\/env brine minion$/m)
  expect(unit).toMatch(/^KillMode=mixed$/m)
})
