/**
 * The process a returner runs in. It loads one returner, opens it once and hands it batches.
 *
 * It ends, with everything in its process group, as soon as the agent is gone: nobody would take its answers.
 */
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { OperatorError, type ReturnerDefinition, type ReturnerHandle, type ReturnItem, type TargetFinding } from '../../returners/contract.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { entryPoint, packageRoot } from '../entry-points.ts'
import { describeDefinition, readDefinition } from './definition.ts'
import { failureOf } from './failure.ts'
import { readFrames, writeFrame } from './frames.ts'
import { decodeRequest, encodeAnswer, type FromChild, type LoadSpec, maxRequestBytes, type ToChild, type WireItem } from './protocol.ts'
import { createView } from './view.ts'

/** How long a returner may take to close when the agent is gone. */
const lastCloseMs = 2000
const channelDescriptor = 3

/** What a site's file may import from wherever it lies. */
const ownModules: Readonly<Record<string, string>> = {
  'brine/returner': 'returners/contract',
  'brine/testing': 'returners/testing',
}

function main(): void {
  preferAsVictim()
  serveOwnModules()
  const channel = new Socket({ fd: channelDescriptor, readable: true, writable: true })
  const session = createSession((answer) => writeFrame(channel, encodeAnswer(answer)))
  readFrames(channel, maxRequestBytes, (payload) => session.receive(decodeRequest(payload)), endGroup)
  channel.once('close', () => {
    setTimeout(endGroup, lastCloseMs)
    void session.close().finally(endGroup)
  })
  channel.on('error', () => {})
}

/** When memory runs out, the kernel takes this process before the agent. */
function preferAsVictim(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '800')
  } catch {
    // Not every system has it.
  }
}

function endGroup(): void {
  process.kill(-process.pid, 'SIGKILL')
}

function serveOwnModules(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const own = Object.hasOwn(ownModules, specifier) ? ownModules[specifier] : undefined
      return own === undefined ? next(specifier, context) : { url: pathToFileURL(entryPoint(own)).href, shortCircuit: true }
    },
  })
}

async function loadModule(load: LoadSpec): Promise<unknown> {
  switch (load.kind) {
    case 'built-in':
      return builtInReturners[load.name]?.()
    case 'file':
      return import(pathToFileURL(load.path).href)
    case 'package': {
      const hook = registerHooks({
        resolve: (specifier, context, next) =>
          next(specifier, specifier === load.specifier ? { ...context, parentURL: pathToFileURL(`${load.base}/`).href } : context),
      })
      try {
        return await import(load.specifier)
      } finally {
        hook.deregister()
      }
    }
    default:
      return load satisfies never
  }
}

/** Says where a file failed to load: the message of a syntax error alone does not. */
function loadError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`it threw ${String(error)} while loading`)
  const place = /(?:^|[\s(]|file:\/\/)(?<place>\/[^\s()]+:\d+)/.exec(error.stack ?? '')?.groups?.['place']
  const where = place === undefined || place.startsWith(packageRoot) || error.message.includes(place) ? '' : ` (${place})`
  return new Error(`${error.name}: ${error.message}${where}`, { cause: error })
}

function createSession(answer: (message: FromChild) => void) {
  let definition: ReturnerDefinition<unknown> | undefined
  let handle: ReturnerHandle | undefined
  let viewItem: ReturnType<typeof createView> | undefined
  let redacts = false
  let ahead: { id: number; items: WireItem[]; viewed?: ReturnItem[] } | undefined
  const calls = new Map<number, AbortController>()

  /** What is loaded, and options that fit it. */
  function withOptions(raw: Record<string, unknown>): { loaded: ReturnerDefinition<unknown>; options: unknown } {
    if (definition === undefined) throw new TypeError('nothing is loaded')
    const checked = checkOptions(definition.options, raw)
    if (checked.ok) return { loaded: definition, options: checked.options }
    const issues = checked.issues.map((issue) => (issue.option === '' ? issue.message : `option "${issue.option}": ${issue.message}`))
    throw new OperatorError(issues.join('; '))
  }

  async function open({ options: raw, context, view }: Extract<ToChild, { method: 'open' }>): Promise<number | null> {
    const { loaded, options } = withOptions(raw)
    viewItem = createView(view)
    redacts = view.redaction !== undefined
    handle = await loaded.open(options, { ...context, now: () => Date.now() })
    return loaded.deadlineSeconds?.(options) ?? null
  }

  async function look({ options: raw, context, create }: Extract<ToChild, { method: 'look' }>): Promise<TargetFinding[]> {
    const { loaded, options } = withOptions(raw)
    return (await loaded.check?.(options, { ...context, now: () => Date.now() }, { create })) ?? []
  }

  /** What is wrong with an item is said when it is sent. Patterns may take long on a hostile text: not at the expense of the call under way. */
  function prepare({ id, items }: Extract<ToChild, { method: 'prepare' }>): void {
    ahead = { id, items }
    try {
      if (viewItem !== undefined && !redacts) ahead.viewed = items.map(viewItem)
    } catch {
      delete ahead.viewed
    }
  }

  /** @throws TypeError for an id that is not the last one's: no other batch may be taken for it */
  function batchOf(items: WireItem[] | number, view: (item: WireItem) => ReturnItem): ReturnItem[] {
    if (typeof items !== 'number') return items.map(view)
    if (ahead?.id !== items) throw new TypeError('the batch was not prepared')
    const { viewed, items: wire } = ahead
    ahead = undefined
    return viewed ?? wire.map(view)
  }

  async function send(id: number, request: Extract<ToChild, { method: 'send' }>): Promise<null> {
    if (handle === undefined || viewItem === undefined) throw new TypeError('nothing is open')
    const controller = new AbortController()
    calls.set(id, controller)
    try {
      await handle.returner(batchOf(request.items, viewItem), controller.signal)
      return null
    } finally {
      calls.delete(id)
    }
  }

  async function ask({ question, args }: Extract<ToChild, { method: 'ask' }>): Promise<unknown> {
    const method = handle?.[question]
    if (handle === undefined || method === undefined) throw new TypeError(`it has no ${question}`)
    return (method as (...given: string[]) => Promise<unknown>).apply(handle, args)
  }

  async function perform(request: Exclude<ToChild, { method: 'abort' | 'prepare' }>): Promise<unknown> {
    switch (request.method) {
      case 'load':
        definition = readDefinition(await loadModule(request.load).catch((error: unknown) => {
          throw loadError(error)
        }))
        return describeDefinition(definition)
      case 'check': {
        if (definition === undefined) throw new TypeError('nothing is loaded')
        const checked = checkOptions(definition.options, request.options)
        return checked.ok ? [] : checked.issues
      }
      case 'look':
        return look(request)
      case 'open':
        return open(request)
      case 'send':
        return send(request.id, request)
      case 'ask':
        return ask(request)
      case 'close':
        await handle?.close()
        return null
      default:
        return request satisfies never
    }
  }

  return {
    receive(request: ToChild): void {
      if (request.method === 'abort') {
        calls.get(request.id)?.abort(new Error('the time for this call is over'))
        return
      }
      if (request.method === 'prepare') return prepare(request)
      perform(request).then(
        (value) => answer({ id: request.id, ok: true, value }),
        (error: unknown) => answer({ id: request.id, ok: false, failure: failureOf(error) }),
      )
    },
    async close(): Promise<void> {
      for (const controller of calls.values()) controller.abort(new Error('the agent is gone'))
      await handle?.close()
    },
  }
}

main()
