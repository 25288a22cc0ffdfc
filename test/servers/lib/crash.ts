import { expect } from 'vitest'
import { type ReturnerHandle, type ReturnItem, ERROR_CODES } from '../../../returners/contract.ts'
import type { TcpProxy } from '../../../returners/testing.ts'
import { until } from '../../helpers/until.ts'
import { never } from './open-returner.ts'
import type { Server } from './server.ts'

/** What of a batch is still to be sent, after one attempt: as the lane sees it. */
async function attempt(handle: ReturnerHandle, items: ReturnItem[]): Promise<ReturnItem[]> {
  try {
    await handle.returner(items, never)
    return []
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== ERROR_CODES.partial) return items
    const { stored } = error as unknown as { stored: string[] }
    return items.filter((item) => !stored.includes(item.key))
  }
}

/** Sends as a lane does until all is stored. */
export async function sendAll(handle: ReturnerHandle, items: ReturnItem[]): Promise<void> {
  let left = items
  await until(async () => {
    left = await attempt(handle, left)
    return left.length === 0
  }, 'all of the batch is stored', 30_000)
}

/**
 * Kills the server when its first answer to a batch has come through the proxy, brings it back, and sends what is left until all is stored.
 * The batch must be so large that the server has answered only in part.
 *
 * @returns what it had not acknowledged when it was killed
 */
export async function crashInTheMiddle(handle: ReturnerHandle, items: ReturnItem[], server: Server, proxy: TcpProxy): Promise<ReturnItem[]> {
  const answered = proxy.answered()
  const first = attempt(handle, items)
  await answered
  await server.kill()
  const left = await first
  expect(left.length, 'the batch was cut in its middle').toBeGreaterThan(0)
  await server.revive()
  await sendAll(handle, left)
  return left
}
