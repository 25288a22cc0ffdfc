/** Carrying out a command: at once, in batches, on a subset. The master is asked over its local socket. */
import type { Clock } from '../../agent/clock.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { type Value, get, isObject } from '../../agent/wire/value.ts'
import { askMaster } from '../local-client.ts'
import type { LocalReply, PublishRequest } from '../local.ts'
import { batchSize, runBatch } from './batch.ts'
import type { CmdArgs } from './cmd-options.ts'
import type { RequestTarget } from './cmd-request.ts'
import { UsageError } from './options.ts'
import { EXIT, type ReturnPrinter, retcodeOf } from './print-returns.ts'
import { makeProgressBar } from './progress-bar.ts'

/** One command, from its line to its exit code. */
export interface CmdSession {
  /** Of the master's socket. */
  path: string
  request: PublishRequest
  args: CmdArgs
  printer: ReturnPrinter
  /** Standard output and standard error, for what is no return. */
  say(text: string): void
  complain(text: string): void
  clock: Clock
}

/** Nobody fits the target; the job is on its way and not waited for; everyone returned, or no longer will. */
export type Outcome = 'nobody' | 'published' | 'over'

/** Publishes the job for the whole target and prints returns as they come. */
export async function runAtOnce({ path, request, args, printer, say, clock, complain }: CmdSession): Promise<Outcome> {
  let jid = ''
  let bar = makeProgressBar({ write: () => true }, 0, clock)
  const release = onInterrupt(() => complain(stillGoing(jid === '' ? [] : [jid], [])))
  try {
    for await (const reply of askMaster(path, request)) {
      if (reply.type === 'published') {
        jid = reply.jid
        if (reply.minions.length === 0) return 'nobody'
        say(args.async === true ? `Executed command with job ID: ${jid}\n` : announcement(jid, args))
        if (!request.wait) return 'published'
        if (args.progress === true) bar = makeProgressBar(process.stderr, reply.minions.length, clock)
      } else {
        show(reply, jid, printer)
        bar.update(printer.tally.returned.length)
      }
    }
    bar.end()
    return 'over'
  } finally {
    release()
  }
}

/** Publishes the job for some minions at a time. Those that do not answer a ping get none. @throws UsageError when `size` is none */
export async function runInBatches(session: CmdSession, size: string): Promise<Exclude<Outcome, 'published'>> {
  const { args, printer, complain, clock } = session
  const say = args.static === true ? () => {} : session.say
  const { up, down } = await ping(session)
  if (up.length + down.length === 0) return 'nobody'
  for (const { id, connected } of down) {
    say(`Minion ${id} did not respond. No job will be sent.\n`)
    printer.lost(id, connected)
  }
  const window = batchSize(size, up.length)
  if (window === null) throw new UsageError(`Invalid batch data sent: ${size}\nData must be in the form of %10, 10% or 3`)

  const running = new Set<string>()
  const ended = new AbortController()
  let todo = up
  let failed: string | undefined
  const release = onInterrupt(() => complain(stillGoing([...running], todo)))
  try {
    const left = await runBatch(up, { size: window, waitMs: (args.batchWait ?? 0) * 1000 }, {
      clock,
      shouldStop: () => args.failhard === true && failed !== undefined,
      async run(minions, done) {
        todo = todo.filter((id) => !minions.includes(id))
        say(`\nExecuting run on [${minions.toSorted().map((id) => `'${id}'`).join(', ')}]\n\n`)
        let jid = ''
        for await (const reply of askMaster(session.path, { ...session.request, tgt: minions, tgt_type: 'list', wait: true }, ended.signal)) {
          if (reply.type === 'published') {
            jid = reply.jid
            running.add(jid)
            say(announcement(jid, args))
          } else if (reply.type === 'return' || reply.type === 'missing') {
            const isFailure = showOfBatch(reply, jid, session, say)
            if (isFailure) failed ??= reply.id
            done(reply.id)
          }
        }
        running.delete(jid)
      },
    })
    if (left.length > 0) complain(`ERROR: Minion ${failed ?? ''} returned with non-zero exit code. Batch run stopped due to failhard\n`)
    return 'over'
  } finally {
    ended.abort()
    release()
  }
}

/** Ids that the target matches. */
export async function matching(path: string, target: RequestTarget): Promise<string[]> {
  const { tgt, tgt_type, delimiter } = target
  for await (const reply of askMaster(path, { cmd: 'target', tgt, tgt_type, ...(delimiter === undefined ? {} : { delimiter }) })) {
    if (reply.type === 'result') return texts(decode(Buffer.from(reply.data, 'base64')))
  }
  return []
}

/** So many of the target's minions, drawn by lot from those that have the function; fewer when there are fewer. */
export async function drawSubset({ path, request, clock }: CmdSession, count: number): Promise<string[]> {
  const functions = Array.isArray(request.fun) ? request.fun : [request.fun]
  const able: { id: string; lot: number }[] = []
  for await (const reply of askMaster(path, question(request, 'sys.list_functions'))) {
    if (reply.type !== 'return') continue
    const has = texts(get(decode(Buffer.from(reply.load, 'base64')), 'return'))
    if (functions.every((fun) => has.includes(fun))) able.push({ id: reply.id, lot: clock.random() })
  }
  return able.toSorted((a, b) => a.lot - b.lot).slice(0, count).map(({ id }) => id)
}

async function ping({ path, request }: CmdSession): Promise<{ up: string[]; down: { id: string; connected: boolean }[] }> {
  const up: string[] = []
  const down: { id: string; connected: boolean }[] = []
  for await (const reply of askMaster(path, question(request, 'test.ping'))) {
    if (reply.type === 'return') up.push(reply.id)
    if (reply.type === 'missing') down.push(reply)
  }
  return { up: up.toSorted(), down }
}

/** Another function for the same target, without arguments. */
function question({ tgt, tgt_type, delimiter, user, timeout, gather_job_timeout }: PublishRequest, fun: string): PublishRequest {
  return {
    cmd: 'publish', tgt, tgt_type, fun, values: encode({ arg: [] }).toString('base64'), user, wait: true,
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(gather_job_timeout === undefined ? {} : { gather_job_timeout }),
  }
}

function announcement(jid: string, args: CmdArgs): string {
  if (args.verbose === true) return `Executing job with jid ${jid}\n${'-'.repeat(23 + jid.length)}\n\n`
  return args.showJid === true ? `jid: ${jid}\n` : ''
}

function show(reply: LocalReply, jid: string, printer: ReturnPrinter): void {
  if (reply.type === 'missing') return printer.missing(reply.id, reply.connected, jid)
  if (reply.type !== 'return') return
  const load = decode(Buffer.from(reply.load, 'base64'))
  if (isObject(load)) printer.returned(reply.id, load)
}

/** True for a failure. Who did not return is told in one line. */
function showOfBatch(reply: LocalReply & { type: 'return' | 'missing' }, jid: string, { printer }: CmdSession, say: (text: string) => void): boolean {
  if (reply.type === 'missing') {
    say(`Minion '${reply.id}' failed to respond to job sent\n`)
    printer.lost(reply.id, reply.connected)
    return true
  }
  show(reply, jid, printer)
  return retcodeOf(get(decode(Buffer.from(reply.load, 'base64')), 'retcode')) !== 0
}

/** What Ctrl-C leaves behind. */
function stillGoing(jids: string[], notStarted: string[]): string {
  const lines = jids.flatMap((jid) => [`No longer waiting. The job goes on, its id is ${jid}. To see what returned, run:`, '', `brine jobs show ${jid}`])
  if (lines.length === 0) lines.push('No longer waiting.')
  if (notStarted.length > 0) lines.push('', `It was not started on: ${notStarted.join(' ')}`)
  return `\n${lines.join('\n')}\n`
}

/** Ctrl-C says what goes on, and ends this. The returned function takes the handler away. */
function onInterrupt(tell: () => void): () => void {
  const interrupted = () => {
    tell()
    process.exit(EXIT.failed)
  }
  process.once('SIGINT', interrupted)
  return () => void process.off('SIGINT', interrupted)
}

function texts(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
