/** One send from the claim to the settled outcome. */
import type { Clock } from '../clock.ts'
import type { ClaimedDelivery, Outbox } from '../outbox/port.ts'
import { boundedSend } from './bounded-send.ts'
import type { SendEnd, SendLimits } from './bounded-send.ts'
import { judge } from './judgement.ts'
import type { Judgement, JudgementContext } from './judgement.ts'
import type { Destination } from './port.ts'
import type { Settler } from './settler.ts'

export interface CarryDeps {
  outbox: Outbox
  settler: Settler
  clock: Clock
  limits: SendLimits
  context(): JudgementContext
  /** Ends every send early: what is under way is given back. */
  stop: AbortSignal
  /** Told as soon as the destination's answer is judged, before it is stored. */
  judged(judgement: Judgement): void
}

/**
 * Sends a batch and settles what became of it. A batch of more than one that can never be stored is sent one by one to find
 * the culprit, until the destination itself fails.
 *
 * @returns whether the destination stopped answering altogether.
 */
export async function carry(batch: ClaimedDelivery[], destination: Destination, deps: CarryDeps): Promise<boolean> {
  const end = await boundedSend(destination, batch, deps.limits, deps.clock, deps.stop)
  if (end.result.kind !== 'permanent' || batch.length === 1) {
    await conclude(batch, end, deps)
    return end.abandoned
  }
  for (const [index, item] of batch.entries()) {
    const single = await boundedSend(destination, [item], deps.limits, deps.clock, deps.stop)
    const blame = await conclude([item], single, deps)
    if (blame === 'none' || blame === 'item') continue
    deps.outbox.release(idsOf(batch.slice(index + 1)))
    return single.abandoned
  }
  return false
}

async function conclude(batch: ClaimedDelivery[], end: SendEnd, deps: CarryDeps): Promise<Judgement['blame'] | 'none' | 'stopped'> {
  if (deps.stop.aborted && end.abandoned) {
    deps.outbox.release(idsOf(batch))
    return 'stopped'
  }
  const judgement = judge(batch, end.result, deps.context())
  deps.judged(judgement)
  deps.outbox.release(judgement.released)
  await deps.settler.settle(judgement.verdicts)
  return judgement.blame ?? 'none'
}

function idsOf(batch: ClaimedDelivery[]): number[] {
  return batch.map((item) => item.deliveryId)
}
