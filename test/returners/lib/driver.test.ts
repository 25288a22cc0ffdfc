import { expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { loadDriver } from '../../../returners/lib/driver.ts'

test('a driver that is not installed is an operator\'s fault, and the message is the command', async () => {
  const missing = Object.assign(new Error("Cannot find package 'pg' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })

  await expect(loadDriver('pgjsonb', 'pg', () => Promise.reject(missing))).rejects.toMatchObject({
    code: 'BRINE_OPERATOR',
    message: expect.stringMatching(new RegExp(`the returner "pgjsonb" needs the package "pg", .*: npm install --prefix ${packageRoot} --no-save --omit=dev pg@"\\^8`)),
  })
})

test('a driver that is there and broken says so itself', async () => {
  const broken = Object.assign(new Error("Cannot find package 'pg-protocol' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })

  await expect(loadDriver('pgjsonb', 'pg', () => Promise.reject(broken))).rejects.toBe(broken)
})
