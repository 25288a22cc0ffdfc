/**
 * The job process: loads and runs functions that must not run in the agent (a site's own modules, and whatever keeps the
 * CPU busy). It does what it is told over its IPC channel and ends when that closes.
 */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { entryPoint } from '../entry-points.ts'
import type { Logger } from '../log.ts'
import { builtinModules } from '../modules/builtins.ts'
import type { AnyFunction, GrainsContext, GrainsFunction, ModuleContext } from '../modules/contract.ts'
import { errorCode, errorStack, errorText } from '../modules/error-text.ts'
import { lookupOption } from '../modules/option-lookup.ts'
import { toValue } from '../modules/to-value.ts'
import { decode, encode } from '../wire/msgpack.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { ErrorShape, FromJobProcess, Task, ToJobProcess } from './job-process-protocol.ts'

interface PendingCall {
  resolve: (value: Value) => void
  reject: (error: Error) => void
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const

main()

function send(message: FromJobProcess): void {
  process.send?.(message)
}

function main(): void {
  const calls = new Map<number, PendingCall>()
  const ended = new AbortController()
  resolveContract()
  process.on('SIGTERM', () => ended.abort(new Error('the job was ended')))
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message) => {
    // Only the agent holds the other end of this channel.
    const order = message as ToJobProcess
    if (order.kind === 'called') settleCall(calls, order)
    else if (order.kind === 'run') void answer(() => runTask(decode(order.body) as unknown as Task, { calls, signal: ended.signal }))
    else if (order.kind === 'grains') void answer(() => collectGrains(order, ended.signal))
    else void answer(() => describe(order))
  })
  send({ kind: 'ready' })
}

/** Lets a file anywhere import `brine/module` without a node_modules of its own. */
function resolveContract(): void {
  const contract = pathToFileURL(entryPoint('agent/modules/contract')).href
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'brine/module' ? { url: contract, shortCircuit: true } : next(specifier, context),
  })
}

async function answer(work: () => Promise<FromJobProcess>): Promise<void> {
  try {
    send(await work())
  } catch (error) {
    send({ kind: 'failed', error: shapeOf(error) })
  }
}

function shapeOf(error: unknown): ErrorShape {
  const code = errorCode(error)
  return { ...(code === undefined ? {} : { code }), message: errorText(error), stack: errorStack(error) }
}

async function describe(order: { file: string; context: Uint8Array }): Promise<FromJobProcess> {
  // Only needed here, and slow to load: a job should start soon.
  const { describeUnknown } = await import('../modules/description.ts')
  const definition = await importDefault(order.file)
  const described = describeUnknown(definition, true)
  const { virtual } = definition as { virtual?: (context: unknown) => unknown }
  if (virtual === undefined) return { kind: 'described', module: plain(described) }
  const places = decode(order.context) as unknown as { options: ValueObject; grains: ValueObject; pillar: ValueObject }
  const verdict = await virtual({ grains: places.grains, config: (name: string) => lookupOption(name, places), log: logger() })
  const reason = verdict === true ? true : typeof verdict === 'string' ? verdict : ''
  return { kind: 'described', module: plain({ ...described, virtual: reason }) }
}

/** A file's default export is a function that gives grains, or the grains themselves. */
async function collectGrains(order: { file: string; context: Uint8Array }, signal: AbortSignal): Promise<FromJobProcess> {
  const { grains, options, minionId } = decode(order.context) as unknown as { grains: ValueObject; options: ValueObject; minionId: string }
  const exported = await importDefault(order.file)
  const context: GrainsContext = { grains, minionId, signal, log: logger(), config: (name) => lookupOption(name, { options, grains, pillar: {} }) }
  const given: unknown = typeof exported === 'function' ? await (exported as GrainsFunction)(context) : exported
  return { kind: 'done', body: Uint8Array.from(encode(toValue(given))) }
}

/** Structured clone carries plain data only. */
function plain<Data>(data: Data): Data {
  return decode(encode(data)) as Data
}

async function importDefault(file: string): Promise<unknown> {
  const loaded = (await import(pathToFileURL(file).href)) as { default?: unknown }
  return loaded.default
}

async function runTask(task: Task, channel: { calls: Map<number, PendingCall>; signal: AbortSignal }): Promise<FromJobProcess> {
  const definition = task.file === null ? await builtin(task.builtin ?? '') : await importDefault(task.file)
  const { functions } = definition as { functions: Record<string, AnyFunction<ModuleContext>> }
  const code = Object.hasOwn(functions, task.name) ? functions[task.name] : undefined
  if (code === undefined) throw new Error(`${task.fun} is no longer in its file`)
  const { named, rest, kwargs } = task.bound
  const result = await code.run(contextOf(task, channel), named, { rest, kwargs })
  return { kind: 'done', body: Uint8Array.from(encode(toValue(result))) }
}

function builtin(name: string): Promise<unknown> {
  const load = Object.hasOwn(builtinModules, name) ? builtinModules[name] : undefined
  if (load === undefined) throw new Error(`there is no built-in module ${name}`)
  return load()
}

function contextOf(task: Task, channel: { calls: Map<number, PendingCall>; signal: AbortSignal }): ModuleContext {
  const { calls, signal } = channel
  let calledSoFar = 0
  return {
    signal,
    minionId: task.minionId,
    fun: task.fun,
    jid: task.jid,
    grains: task.grains,
    pillar: task.pillar,
    pub: task.pub,
    log: logger(),
    config: (name) => lookupOption(name, task),
    setRetcode: (code) => send({ kind: 'retcode', code: Math.trunc(code) }),
    call(fun, args = [], kwargs = {}) {
      const id = ++calledSoFar
      return new Promise((resolve, reject) => {
        calls.set(id, { resolve, reject })
        send({ kind: 'call', id, fun, body: Uint8Array.from(encode([toValue(args), toValue(kwargs)])) })
      })
    },
  }
}

function settleCall(calls: Map<number, PendingCall>, answered: { id: number; ok: boolean; body: Uint8Array }): void {
  const call = calls.get(answered.id)
  calls.delete(answered.id)
  const body = decode(answered.body)
  if (answered.ok) {
    call?.resolve(body)
    return
  }
  const { code, message, stack } = body as unknown as ErrorShape
  call?.reject(Object.assign(new Error(message), { stack }, code === undefined ? {} : { code }))
}

function write(level: (typeof levels)[number]): (fields: object, message: string) => void {
  return (fields, message) => send({ kind: 'log', level, message, fields: JSON.stringify(fields) })
}

function logger(): Logger {
  const own: Logger = {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => own,
  }
  return own
}
