import { describe, expect, test } from 'vitest'
import { osGrains, parseOsRelease } from '../../../agent/grains/os-release.ts'
import systems from '../../fixtures/grains/systems.json' with { type: 'json' }

/** Files of real systems, and the grains that Salt's own code makes of them. */
const recorded = Object.entries(systems as Record<string, { files: Record<string, string>; grains: Record<string, unknown> }>)

describe('the operating system', () => {
  test.each(recorded)('%s', (_name, { files, grains }) => {
    const found = osGrains({
      osRelease: files['etc/os-release'],
      lsbRelease: files['etc/lsb-release'],
      distroRelease: files['etc/centos-release'] ?? files['etc/redhat-release'],
      debianVersion: files['etc/debian_version'],
    })

    expect(found).toEqual(grains)
  })

  test('quotes and escapes of os-release are those of a shell, comments are passed over', () => {
    expect(parseOsRelease('# NAME=no\nNAME="A \\"quoted\\" \\$name"\nID=\'x y\'\nVERSION_ID=3\n')).toEqual({
      NAME: 'A "quoted" $name',
      ID: 'x y',
      VERSION_ID: '3',
      PRETTY_NAME: 'Linux',
    })
  })
})
