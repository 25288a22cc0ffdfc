import { describe, expect, test } from 'vitest'
import { ConfigError, type Source } from '../../config/problems.ts'
import { refuseOtherUser, runningUser } from '../../config/run-user.ts'

const source: Source = { kind: 'file', file: '/etc/brine/minion', line: 3, column: 7 }
const runs = { uid: 1000, name: 'salt' }

describe('the configured user', () => {
  test.each([undefined, 'salt', '1000'])('%s lets the user salt with the number 1000 go on', (user) => {
    expect(() => refuseOtherUser(user, source, runs)).not.toThrow()
  })

  test('refuses another, with both names, the place and what to do', () => {
    expect(() => refuseOtherUser('root', source, runs)).toThrow(
      '/etc/brine/minion:3:7: error: user: "root" is not the user this runs as, salt; start it as that user (`User=` of the systemd unit), or remove the option',
    )
    expect(() => refuseOtherUser('root', source, runs)).toThrow(ConfigError)
  })

  test('is compared with a number when the user of the process has no name', () => {
    expect(() => refuseOtherUser('root', source, { uid: 4711, name: undefined })).toThrow('runs as, 4711')
  })

  test('is compared with who this process runs as', () => {
    const { uid, name } = runningUser()

    expect(uid).toBe(process.geteuid?.())
    expect(() => refuseOtherUser(name, source)).not.toThrow()
    expect(() => refuseOtherUser('nobody-at-all', source)).toThrow(ConfigError)
  })
})
