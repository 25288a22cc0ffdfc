import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeClear } from '../../agent/wire/envelope.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { authLoad, logIn, makeIdentity, openConnection, sealRequest, type Session } from './scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from './test-master.ts'

const web1 = makeIdentity('web1')

let running: TestMaster
let minion: Session

beforeEach(async () => {
  running = await startMaster({ auto_accept: true })
  minion = await logIn(web1, running.master.ports, running.masterPub)
})

afterEach(async () => {
  minion.close()
  await running.stop()
  removeRoot(running.root)
})

/** Sends frames one after the other, over a new connection whenever the master closed the last one. */
async function sendAll(frames: Uint8Array[]): Promise<void> {
  let connection = await openConnection(running.master.ports.request)
  for (const frame of frames) {
    if ((await connection.send(frame)) !== null) continue
    connection = await openConnection(running.master.ports.request)
  }
  connection.close()
}

/** A good minion is still served: the master has taken no harm, and has said in few words what came. */
async function expectWell(): Promise<void> {
  expect(await minion.ask({ cmd: 'unknown' })).toEqual({})
  const jid = '20250101000000000001'
  expect(await minion.ask({ cmd: '_return', jid, fun: 'test.ping', fun_args: [], return: true, retcode: 0, success: true })).toBe(null)
  await running.event(`salt/job/${jid}/ret/web1`)
  expect(Math.max(0, ...running.logged.map((line) => JSON.stringify(line).length))).toBeLessThan(5000)
}

describe('a stranger', () => {
  test('with garbage gets nothing and costs nobody anything', async () => {
    await sendAll(fc.sample(fc.uint8Array({ maxLength: 300 }), { numRuns: 500, seed: 42 }))

    await expectWell()
  })

  test.each([
    ['a greeting', () => encodeClear({ cmd: 'ping' })],
    ['a request of another', () => sealRequest(minion, { cmd: '_return', jid: '1', return: 1 })],
  ])('with %s, cut short or changed by a byte, neither', async (_name, make) => {
    const good = make()
    const frames: Uint8Array[] = []
    for (let at = 0; at < good.length; at += 3) {
      const changed = Buffer.from(good)
      changed[at] = (changed[at] ?? 0) ^ 0x55
      frames.push(good.subarray(0, at), changed)
    }
    await sendAll(frames)

    await expectWell()
  })

  test('whose handshake holds anything in any of its fields is refused at most', async () => {
    const field = fc.constantFrom('id', 'nonce', 'pub', 'enc_algo', 'sig_algo', 'token', 'autosign_grains', 'cmd')
    const frames = fc.sample(fc.tuple(field, anything()), { numRuns: 300, seed: 7 }).flatMap(([name, value]) => encoded({ ...authLoad(web1), [name]: value }))
    await sendAll(frames)

    await expectWell()
  })
})

describe('an accepted minion', () => {
  test('may send anything in any field of any command', async () => {
    const commands = ['_return', '_syndic_return', '_minion_event', '_pillar', '_mine', '_auth', 'minion_runner', 'pub_ret', 'revoke_auth_no']
    const fields = ['jid', 'fun', 'fun_args', 'return', 'retcode', 'success', 'events', 'tag', 'data', 'grains', 'pretag', 'load', 'out', 'metadata', 'saltenv']
    const loads = fc.sample(fc.tuple(fc.constantFrom(...commands), fc.dictionary(fc.constantFrom(...fields), anything())), { numRuns: 600, seed: 3 })
    for (const [cmd, load] of loads) {
      const [frame] = sealedOrNothing({ jid: '20250101000000000009', ...load, cmd })
      if (frame === undefined) continue
      const reply = await minion.requests.send(frame)
      if (reply === null) throw new Error(`the master closed the connection after ${JSON.stringify(cmd)}`)
    }

    await expectWell()
  })
})

function anything(): fc.Arbitrary<unknown> {
  return fc.anything({ withMap: true, withBigInt: true, withTypedArray: true, withNullPrototype: true, maxDepth: 4 })
}

/** Not everything has a form on the wire. */
function encoded(load: Record<string, unknown>): Uint8Array[] {
  try {
    const frame = encodeClear(load)
    return decode(frame) === undefined ? [] : [frame]
  } catch {
    return []
  }
}

function sealedOrNothing(load: Record<string, unknown>): Buffer[] {
  try {
    return [sealRequest(minion, load)]
  } catch {
    return []
  }
}
