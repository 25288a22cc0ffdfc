/** Sends one return that says of itself that it is a test. */
import type { Clock } from '../clock.ts'
import type { SendResult } from '../delivery/port.ts'
import type { ReturnerHost } from '../returner-host/host.ts'
import { createJidSource } from '../wire/jid.ts'
import { encode } from '../wire/msgpack.ts'

export interface TestRequest {
  name: string
  retConfig: string | undefined
  minionId: string
}

export interface TestSent {
  destination: string
  jid: string
  stored: boolean
  /** What came of it, in one line. */
  what: string
}

/** Longest an answer is waited for, milliseconds. */
const PATIENCE_MS = 60_000

/** Hands the return to the returner as a lane would, and waits for the answer. The outbox is not touched. */
export async function sendTestReturn(host: ReturnerHost, { name, retConfig, minionId }: TestRequest, clock: Clock): Promise<TestSent> {
  const jid = createJidSource(() => clock.now() * 1000)()
  const resolved = await host.catalogue.resolve(name, retConfig === undefined ? {} : { retConfig })
  if ('error' in resolved) return { destination: name, jid, stored: false, what: resolved.error }
  const destination = host.catalogue.open(resolved.ref)
  try {
    const body = encode(testReturn(jid, minionId, resolved.ref.name))
    const delivery = { deliveryId: 1, returnId: 1, jid, minionId, fun: 'brine.returner_test', body, attempts: 0, acceptedAt: clock.now() }
    const started = clock.monotonic()
    const result = await destination.send([delivery], AbortSignal.timeout(PATIENCE_MS))
    const took = Math.round(clock.monotonic() - started)
    return { destination: resolved.ref.name, jid, stored: result.kind === 'delivered', what: inWords(result, jid, took) }
  } finally {
    await destination.close()
  }
}

function testReturn(jid: string, id: string, destination: string) {
  const text = `This is a test of the returner ${destination}, sent with "brine returner test". No job ran.`
  return { success: true, return: text, retcode: 0, jid, id, fun: 'brine.returner_test', fun_args: [], metadata: { brine_test: true } }
}

function inWords(result: SendResult, jid: string, tookMs: number): string {
  switch (result.kind) {
    case 'delivered':
      return `stored the test return ${jid} in ${tookMs} ms`
    case 'partial':
      return `did not store it: ${result.rejected[0]?.error ?? result.error ?? 'it was left out'}`
    case 'retry':
      return `did not store it, a delivery would be tried again: ${result.error}`
    case 'operator':
      return `did not store it, and will not before someone acts: ${result.error}`
    case 'permanent':
      return `refuses it for good, it would be a dead letter: ${result.error}`
    default:
      return result satisfies never
  }
}
