import { expect, test } from 'vitest'
import { lookupOption } from '../../../agent/modules/option-lookup.ts'

test('an option is that of the first place which has it, also when it is None there', () => {
  const places = {
    options: { saltenv: null, mine: { a: null } },
    grains: { saltenv: 'of grains', mine: { a: 1, b: null }, role: 'web' },
    pillar: { saltenv: 'of pillar', mine: { b: 2, c: 3 }, role: 'db' },
  }

  expect(['saltenv', 'mine:a', 'mine:b', 'mine:c', 'role', 'nowhere'].map((name) => lookupOption(name, places))).toEqual([null, null, null, 3, 'web', undefined])
})
