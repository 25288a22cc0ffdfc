/** A master as a destination of returns: decodes what is stored, sends it over the link, reads the answer. */
import type { Link } from '../link/port.ts'
import type { ClaimedDelivery } from '../outbox/port.ts'
import { decode } from '../wire/msgpack.ts'
import { isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { messageOf, sendDeadline } from './bounded-send.ts'
import type { SendLimits } from './bounded-send.ts'
import { MASTER_VIEW_VERSION, masterLoad } from './master-load.ts'
import type { Destination, SendResult } from './port.ts'

export interface MasterDestinationSettings {
  /** The destination's name. */
  name: string
  /** How long a return may wait for its answer. */
  limits: SendLimits
}

/** Times that a master may answer "" (its handler failed) before an operator is called. */
const MAX_TURNED_AWAY = 10

/** Returns whose "" answers are remembered; beyond that the oldest count starts again. */
const MAX_REMEMBERED = 10_000

/**
 * One master. `link` gives its connection of the moment, undefined while there is none.
 *
 * The answers are Salt's: nil means processed; "" that the handler raised, which may pass; false that our signature is refused.
 */
export function createMasterDestination(settings: MasterDestinationSettings, link: () => Link | undefined): Destination {
  const turnedAway = new Map<number, number>()

  /** How many times in all this return has been answered with "". */
  function countTurnedAway(deliveryId: number): number {
    const times = (turnedAway.get(deliveryId) ?? 0) + 1
    turnedAway.delete(deliveryId)
    turnedAway.set(deliveryId, times)
    const oldest = turnedAway.keys().next()
    if (turnedAway.size > MAX_REMEMBERED && oldest.done !== true) turnedAway.delete(oldest.value)
    return times
  }

  function read(answer: Value, { deliveryId, jid }: ClaimedDelivery): SendResult {
    if (answer === null) {
      turnedAway.delete(deliveryId)
      return { kind: 'delivered' }
    }
    if (answer === false) return { kind: 'operator', error: 'the master refuses the signature of this minion' }
    const error = answer === '' ? `the master failed to process the return of ${jid}` : `the master gave an unknown answer to ${jid}`
    if (countTurnedAway(deliveryId) < MAX_TURNED_AWAY) return { kind: 'retry', scope: 'item', error }
    return { kind: 'operator', scope: 'item', error: `${error}, ${MAX_TURNED_AWAY} times` }
  }

  return {
    name: settings.name,
    maxBatch: 1,
    maxInFlight: 8,
    viewVersion: MASTER_VIEW_VERSION,
    async send(batch, signal) {
      const connection = link()
      if (connection === undefined || connection.state !== 'connected') {
        return { kind: 'retry', untried: true, error: 'not connected to the master' }
      }
      const [item] = batch
      if (item === undefined) return { kind: 'delivered' }
      const made = loadOf(item, connection.maxRequestBytes)
      if ('error' in made) return { kind: 'permanent', error: made.error }
      try {
        return read(await connection.sendReturn(made.load, { timeoutMs: sendDeadline(settings.limits, item.body.length), signal }), item)
      } catch (error) {
        return { kind: 'retry', error: messageOf(error) }
      }
    },
    async close() {},
  }
}

function loadOf(item: ClaimedDelivery, maxRequestBytes: number): { load: ValueObject } | { error: string } {
  try {
    // Every value takes a byte at least: our own record is never refused for its size.
    const ret = decode(item.body, { maxValues: item.body.length })
    if (!isObject(ret)) return { error: 'the stored return is not a map' }
    const made = masterLoad(ret, { maxRequestBytes, kept: true }, item.body.length)
    return 'tooLarge' in made ? { error: made.tooLarge } : made
  } catch (error) {
    return { error: `the stored return cannot be read: ${messageOf(error)}` }
  }
}
