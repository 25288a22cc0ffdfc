import { defineReturner, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem, type SaltEvent } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { createLease } from '../lib/lease.ts'
import { settleBatch } from '../lib/settle-batch.ts'
import { timeLimit } from '../lib/time-limit.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { connectMail, loadMail, type MailConnection, placeOf } from './connection.ts'
import { mailError } from './errors.ts'
import { createComposer, mailbox } from './message.ts'
import { type Options, options } from './options.ts'
import { valuesOfEvent, valuesOfReturn } from './values.ts'

const maxBatch = 10
/** Of so many mails it is known who of several recipients has them already. */
const MAX_PARTLY = 1000

export default defineReturner<Options>({
  name: 'smtp',
  summary: 'Sends each return as a mail',
  options,
  delivery: 'at-least-once',
  jobCache: ['eventReturn'],
  masterMaySet: ['timeout', 'connect_timeout'],
  // What the file holds goes to whoever the mail goes to.
  siteOnly: ['template'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch,
  drivers: ['nodemailer'],
  deadlineSeconds: ({ timeout, connect_timeout }) => maxBatch * (timeout + connect_timeout) + 5,
  open: openServer,
})

async function openServer(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const driver = await loadMail()
  const composer = await createComposer(driver, settings, () => context.now())
  const lease = createLease<MailConnection>({
    open: (signal) => connectMail(driver, settings, signal),
    isGone: (connection) => connection.isGone(),
    // What the server still thinks of the mail that it refused is not worth knowing.
    survives: () => false,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  const deliver = deliverer(settings, (signal, work) => lease.use(signal, work))
  return {
    async returner(items: ReturnItem[], signal) {
      const ends: PromiseSettledResult<void>[] = []
      for (const item of items) {
        const [end] = await Promise.allSettled([composer.compose('return', valuesOfReturn(item), item.key).then((mail) => deliver(item.key, mail, signal))])
        ends.push(end)
        // What is wrong with the server is wrong for those after it, too.
        if (end.status === 'rejected' && !(end.reason instanceof PermanentError)) break
      }
      settleBatch(items, ends)
    },
    async eventReturn(events: SaltEvent[]) {
      for (const event of events) {
        const id = JSON.stringify(event)
        await deliver(id, await composer.compose('event', valuesOfEvent(event), id), timeLimit(settings.timeout + settings.connect_timeout))
      }
    },
    close: () => lease.close(),
  }
}

type UseConnection = (signal: AbortSignal, work: (connection: MailConnection) => Promise<void>) => Promise<void>

/** Sends a mail to those who do not have it: one recipient that the server refuses would otherwise make the others get it again and again. */
function deliverer(settings: Options, use: UseConnection): (id: string, mail: Buffer, signal: AbortSignal) => Promise<void> {
  const place = placeOf(settings)
  const from = mailbox(settings.from).address
  const everybody = [...new Set(settings.to.map((one) => mailbox(one).address))]
  const missing = new Map<string, string[]>()

  return (id, mail, signal) => use(signal, async (connection) => {
    const to = missing.get(id) ?? everybody
    try {
      const refused = await bounded(settings.timeout, place, signal, (limited) => untilAborted(connection.send(from, to, mail), limited))
      missing.delete(id)
      const [first] = refused
      if (first === undefined) return
      missing.set(id, [...refused.keys()])
      for (const oldest of missing.keys()) if (missing.size > MAX_PARTLY) missing.delete(oldest)
      throw first[1]
    } catch (error) {
      throw mailError(place, error)
    }
  })
}
