import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness
let scripted: Harness
let directory: string

/** Programs that say what other hosts have said. */
const programs: Record<string, string> = {
  df: `[ "$1" = -T ] && { printf 'Filesystem Type\\n/dev/sdz xfs 1 2 3 4%% /z\\n'; exit; }
cat <<'END'
Filesystem                        1024-blocks      Used Available Capacity Mounted on
/dev/mapper/a-very-long-name-that-breaks-the-line
                                      1000000    250000    750000      25% /srv
map auto home                             100        10        90      10% /home
END`,
  blkid: `case "$*" in
    "-t TYPE=none") exit 2 ;;
    *) echo '/dev/sda1: LABEL="my disk" UUID="AB-12" TYPE="ext4" PARTUUID="x-01"' ;;
  esac`,
  lsblk: `echo FSTYPE; echo; exit 0`,
  blockdev: `[ "\${13}" = /dev/none ] && exit 1; for one in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $one; done`,
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-disk-'))
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(directory, name), 0o755)
  }
  harness = createHarness()
  scripted = createHarness({ settings: { environment: { PATH: `${directory}:${process.env['PATH'] ?? ''}` } } })
})

afterAll(async () => {
  await Promise.all([harness.close(), scripted.close()])
  rmSync(directory, { recursive: true, force: true })
})

async function result(fun: string, arg: unknown[] = [], on = harness): Promise<Value> {
  return (await on.run(fun, arg)).return
}

describe('usage, inodeusage and percent', () => {
  test('are texts by mount point', async () => {
    const mounts = (await result('disk.usage')) as Record<string, Value>
    const [place = '', first] = Object.entries(mounts)[0] ?? []

    expect(Object.keys(first as object)).toEqual(['filesystem', '1K-blocks', 'used', 'available', 'capacity'])
    expect(get(first, 'used')).toMatch(/^\d+$/)
    expect(Object.keys((await result('disk.inodeusage')) as object)).toContain(place)
    expect(await result('disk.percent', [place])).toMatch(/^(\d+%|-)$/)
    expect(await result('disk.percent', ['/not/a/mount'])).toEqual({})
  })

  test('read broken lines, and devices with blanks', async () => {
    expect(await result('disk.usage', [], scripted)).toEqual({
      '/srv': { filesystem: '/dev/mapper/a-very-long-name-that-breaks-the-line', '1K-blocks': '1000000', used: '250000', available: '750000', capacity: '25%' },
      '/home': { filesystem: 'map auto home', '1K-blocks': '100', used: '10', available: '90', capacity: '10%' },
    })
    expect(await result('disk.percent', [], scripted)).toEqual({ '/srv': '25%', '/home': '10%' })
  })

  test('refuse flags that df does not have, in Salt’s words', async () => {
    expect(await harness.run('disk.usage', ['hz'])).toMatchObject({ return: 'ERROR: Invalid flag passed to disk.usage', success: false })
    expect(await harness.run('disk.inodeusage', ['-'])).toMatchObject({ return: 'ERROR: Invalid flag passed to disk.inodeusage' })
  })
})

describe('devices', () => {
  test('blkid gives the attributes of each; {} when nothing fits', async () => {
    expect(await result('disk.blkid', [], scripted)).toEqual({ '/dev/sda1': { LABEL: 'my disk', UUID: 'AB-12', TYPE: 'ext4', PARTUUID: 'x-01' } })
    expect(await scripted.run('disk.blkid', [{ __kwarg__: true, token: 'TYPE=none' }])).toMatchObject({ return: {}, retcode: 2 })
  })

  test('no device is taken for an option', async () => {
    expect(await scripted.run('disk.blkid', ['--output=x'])).toMatchObject({ success: false, return: expect.stringContaining("may not begin with '-'") as string })
    expect(await harness.run('disk.fstype', ['-a'])).toMatchObject({ success: false })
  })

  test('dump names what blockdev says', async () => {
    expect(await result('disk.dump', ['/dev/sda'], scripted)).toMatchObject({ getro: '1', getsize64: '10', getfra: '12' })
    expect(await result('disk.dump', ['/dev/sda', ['getss']], scripted)).toEqual({ getss: '3' })
    expect(await result('disk.dump', ['/dev/none'], scripted)).toBe(false)
  })

  test('fstype asks df when lsblk does not know', async () => {
    expect(await result('disk.fstype', ['/dev/sdz'], scripted)).toBe('xfs')
    expect(await result('disk.get_fstype_from_path', ['/proc'], scripted)).toBe('xfs')
  })

  test('a program that is not there is named', async () => {
    const bare = createHarness({ settings: { environment: { PATH: '/nowhere' } } })
    const { return: text } = await bare.run('disk.usage')
    await bare.close()

    expect(text).toBe("Command required for 'disk.usage' not found: The 'df' binary was not found in $PATH.")
  })
})
