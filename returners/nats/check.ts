import type { StreamInfo } from '@nats-io/jetstream'
import type { ReturnerContext, TargetFinding } from '../contract.ts'
import { wildName } from '../lib/message-text.ts'
import { timeLimit } from '../lib/time-limit.ts'
import { connectNats, loadNats, placeOf } from './connection.ts'
import { natsError } from './errors.ts'
import type { Options } from './options.ts'

const NANOS = 1_000_000_000

/** Looks for the stream, its subjects and its memory of what it has; makes it when wished. Needs the right to ask for streams. */
export async function checkStream(settings: Options, _context: ReturnerContext, { create }: { create: boolean }): Promise<TargetFinding[]> {
  const driver = await loadNats()
  const connection = await connectNats(driver, settings, timeLimit(settings.connect_timeout))
  try {
    const { streams } = await driver.jetstreamManager(connection, { timeout: settings.timeout * 1000 })
    const found = await streams.info(settings.stream).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'StreamNotFoundError') return undefined
      throw error
    })
    if (found !== undefined) return findings(settings, found)
    if (!create) return [{ kind: 'missing', text: `the stream ${settings.stream} is missing` }]
    const subject = listenedSubject(settings)
    await streams.add({ name: settings.stream, subjects: [subject], duplicate_window: settings.duplicate_window * NANOS })
    return [{ kind: 'made', text: `the stream ${settings.stream}, which takes ${subject}` }]
  } catch (error) {
    throw natsError(placeOf(settings), error)
  } finally {
    await connection.close()
  }
}

function listenedSubject({ subject }: Options): string {
  return subject.split('.').map((word) => (wildName(word, '') === word ? word : '*')).join('.')
}

function findings(settings: Options, { config }: StreamInfo): TargetFinding[] {
  const found: TargetFinding[] = []
  const subject = listenedSubject(settings)
  if (!config.subjects.some((one) => covers(one, subject))) {
    found.push({ kind: 'missing', text: `the stream ${settings.stream} does not take ${subject}; it takes ${config.subjects.join(', ')}` })
  }
  const window = config.duplicate_window / NANOS
  if (window < settings.duplicate_window) {
    found.push({ kind: 'advice', text: `the stream ${settings.stream} knows for ${window} s what it has: a return that comes again later than that is there twice` })
  }
  return found
}

/** Whether all subjects of the one are subjects of the other. */
function covers(wide: string, narrow: string): boolean {
  const [wides, narrows] = [wide.split('.'), narrow.split('.')]
  for (const [index, word] of wides.entries()) {
    if (word === '>') return narrows.length > index
    if (word !== '*' && word !== narrows[index]) return false
  }
  return wides.length === narrows.length
}
