import { describe, expect, test } from 'vitest'
import { suggestName } from '../../config/problems.ts'

describe('suggestions', () => {
  const known = ['master', 'master_port', 'publish_port', 'max_bytes', 'id', 'log_level']

  test.each<[string, string | undefined]>([
    ['mastr', 'master'],
    ['matser', 'master'],
    ['masterport', 'master_port'],
    ['max-bytes', 'max_bytes'],
    ['Log_Level', 'log_level'],
    ['publish', undefined],
    ['ip', undefined],
    ['something', undefined],
    ['', undefined],
  ])('%j suggests %s', (name, suggestion) => {
    expect(suggestName(name, known)).toBe(suggestion)
  })
})
