import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../config/units.ts'

describe('durations', () => {
  test.each<[number | string, 's' | 'ms' | 'm', number | undefined]>([
    [30, 's', 30_000],
    [1000, 'ms', 1000],
    [2, 'm', 120_000],
    ['30', 's', 30_000],
    ['30s', 'm', 30_000],
    ['250ms', 's', 250],
    ['1h30m', 's', 5_400_000],
    ['1.5 h', 's', 5_400_000],
    ['7d', 's', 604_800_000],
    ['2w', 's', 1_209_600_000],
    [0, 's', 0],
    [0.5, 's', 500],
    [-1, 's', undefined],
    ['-1s', 's', undefined],
    ['30 parsecs', 's', undefined],
    ['s', 's', undefined],
    ['', 's', undefined],
    ['1e400', 's', undefined],
    [Number.NaN, 's', undefined],
    [Number.POSITIVE_INFINITY, 's', undefined],
    ['999999999999999w', 's', undefined],
  ])('%j with the unit %s is %s ms', (input, unit, ms) => {
    expect(parseDuration(input, unit)).toBe(ms)
  })

  test.each<[number, string]>([
    [0, '0ms'],
    [-5, '0ms'],
    [999, '999ms'],
    [61_000, '1m'],
    [7_300_000, '2h'],
    [200_000_000, '2d'],
  ])('%i ms is shown as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })
})

describe('sizes', () => {
  test.each<[number | string, number | undefined]>([
    [1024, 1024],
    ['64MiB', 67_108_864],
    ['1.5 GB', 1_500_000_000],
    ['1_000', 1000],
    ['10B', 10],
    ['64M', undefined],
    ['64mib', undefined],
    ['-1MiB', undefined],
    ['MiB', undefined],
    ['9999999TiB', undefined],
    ['1constructor', undefined],
  ])('%j is %s bytes', (input, bytes) => {
    expect(parseSize(input)).toBe(bytes)
  })

  test('every whole number of bytes is itself', () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseSize(bytes) === bytes && parseSize(String(bytes)) === bytes))
    expect(formatSize(512)).toBe('512 B')
    expect(formatSize(1536)).toBe('1.5 KiB')
  })
})
