import { z } from 'zod'
import { expect, test } from 'vitest'
import { checkOptions } from '../../../returners/lib/check-options.ts'

test('a value of the wrong type is told once, whatever else its bounds say of it', () => {
  const schema = z.strictObject({ servers: z.array(z.string()).max(2), name: z.string().max(2) })

  expect(checkOptions(schema, { servers: 'one, not a list', name: 'long' })).toEqual({
    ok: false,
    issues: [{ option: 'servers', message: 'expected a list' }, { option: 'name', message: expect.stringContaining('Too big') }],
  })
})
