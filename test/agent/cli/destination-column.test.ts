import { expect, test } from 'vitest'
import { shownDestination } from '../../../agent/cli/destination-column.ts'

test("of a master's fingerprint only the beginning is shown, of everything else all", () => {
  expect(shownDestination(`master:${Array.from({ length: 32 }, () => 'd2').join(':')}`)).toBe('master:d2:d2:d2:d2…')
  expect(shownDestination('master:ab12')).toBe('master:ab12')
  expect(shownDestination('sqlite3@lab#0011223344')).toBe('sqlite3@lab#0011223344')
})
