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
  /**
   * Told when the destination has nothing more to do with the batch; the last answer may not be stored yet. `abandoned`: because it
   * stopped answering altogether.
   */
  answered(abandoned: boolean): void
}

/**
 * Sends a batch and settles what became of it. A batch of more than one that can never be stored is sent one by one to find
 * the culprit, until the destination itself fails.
 */
export async function carry(batch: ClaimedDelivery[], destination: Destination, deps: CarryDeps): Promise<void> {
  const end = await boundedSend(destination, batch, deps.limits, deps.clock, deps.stop)
  if (end.result.kind !== 'permanent' || batch.length === 1) {
    const { stored } = conclude(batch, end, deps)
    deps.answered(end.abandoned)
    return stored
  }
  for (const [index, item] of batch.entries()) {
    const single = await boundedSend(destination, [item], deps.limits, deps.clock, deps.stop)
    const { blame, stored } = conclude([item], single, deps)
    await stored
    if (blame === 'none' || blame === 'item') continue
    deps.outbox.release(idsOf(batch.slice(index + 1)))
    return deps.answered(single.abandoned)
  }
  deps.answered(false)
}

/** `stored` resolves when the outbox has what became of the batch. */
interface Conclusion {
  blame: Judgement['blame'] | 'none' | 'stopped'
  stored: Promise<void>
}

function conclude(batch: ClaimedDelivery[], end: SendEnd, deps: CarryDeps): Conclusion {
  if (deps.stop.aborted && end.abandoned) {
    deps.outbox.release(idsOf(batch))
    return { blame: 'stopped', stored: Promise.resolve() }
  }
  const judgement = judge(batch, end.result, deps.context())
  deps.judged(judgement)
  deps.outbox.release(judgement.released)
  return { blame: judgement.blame ?? 'none', stored: deps.settler.settle(judgement.verdicts) }
}

function idsOf(batch: ClaimedDelivery[]): number[] {
  return batch.map((item) => item.deliveryId)
}
