/** `saltutil.sync_*` (Salt: modules/saltutil.py). */
import { basename, join } from 'node:path'
import { isTruthy } from '../matchers/python-text.ts'
import { get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { environmentOf } from './saltenv.ts'
import type { BuiltinContext } from './services.ts'
import { nameOf, syncExtensions } from './sync-extensions.ts'

/** The kinds of code that this minion loads. */
const loadedKinds = ['modules', 'grains', 'returners'] as const
type LoadedKind = (typeof loadedKinds)[number]

/** Salt's other kinds: nothing here runs them, so there is nothing to take. In the order of Salt's `sync_all`, with ours among them. */
const allKinds = [
  'clouds', 'beacons', 'modules', 'states', 'sdb', 'grains', 'renderers', 'returners', 'output', 'utils', 'log_handlers', 'executors', 'proxymodules',
  'engines', 'thorium', 'serializers', 'matchers',
] as const
/** Kinds that Salt syncs to masterless minions only, with what it says to others. */
const masterlessKinds = { tops: 'Master top', pillar: 'Pillar', wrapper: 'Wrapper' } as const

const syncParams = {
  saltenv: param.any(null),
  refresh: param.boolean(true),
  extmod_whitelist: param.any(null),
  extmod_blacklist: param.any(null),
}

interface SyncArguments {
  saltenv: Value
  extmod_whitelist: Value
  extmod_blacklist: Value
}

async function sync(context: BuiltinContext, kind: LoadedKind, given: SyncArguments): Promise<string[]> {
  const { changed, refused } = await syncExtensions({
    files: await context.agent.files(context.signal),
    kind,
    saltenvs: environments(context, given.saltenv),
    directory: directoryOf(context, kind),
    whitelist: names(given.extmod_whitelist ?? context.config('extmod_whitelist'), kind),
    blacklist: names(given.extmod_blacklist ?? context.config('extmod_blacklist'), kind) ?? [],
    clean: context.config('clean_dynamic_modules') !== false,
    log: context.log,
  })
  return [...changed, ...refused]
}

/** The synced files of a kind that did not load, as lines of the sync's result. */
async function failures(context: BuiltinContext, kind: LoadedKind): Promise<string[]> {
  const directory = directoryOf(context, kind)
  const failed = (await context.agent.siteFailures(kind)).filter(({ file }) => file.startsWith(`${directory}/`))
  return failed.map(({ file, error }) => `${kind}.${nameOf(basename(file))}: does not load: ${error}`)
}

async function refresh(context: BuiltinContext, kinds: readonly LoadedKind[]): Promise<void> {
  if (kinds.includes('grains')) await context.agent.refreshGrains()
  await context.agent.refreshModules()
  if (kinds.includes('grains')) await context.agent.refreshPillar()
}

function directoryOf(context: BuiltinContext, kind: string): string {
  // Only the host says where: neither a grain nor the pillar may.
  const configured = get(context.agent.options, 'extension_modules')
  const cachedir = get(context.agent.options, 'cachedir')
  return join(typeof configured === 'string' ? configured : join(typeof cachedir === 'string' ? cachedir : '/', 'extmods'), kind)
}

/** A list, or a text with commas. */
function environments(context: BuiltinContext, given: Value): string[] {
  const list = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : []
  const texts = list.filter((one) => typeof one === 'string').map((one) => one.trim())
  return texts.length > 0 ? texts : [environmentOf(context, null)]
}

/** A list or a text of names, or a map of such by kind; undefined when nothing is named. */
function names(given: Value | undefined, kind: string): string[] | undefined {
  const own = isMap(given) ? get(given, kind) : given
  const list = typeof own === 'string' ? own.split(',') : Array.isArray(own) ? own : []
  const texts = list.filter((one) => typeof one === 'string').map((one) => one.trim())
  return texts.length > 0 ? texts : undefined
}

function loadedSync(kind: LoadedKind): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Takes ${kind} from salt://_${kind} and loads them. Returns what is new or changed, what does not run here, and what does not load.`,
    args: syncParams,
    kwargs: 'kwargs',
    async run(context: BuiltinContext, args) {
      const lines = await sync(context, kind, args)
      if (!args.refresh) return lines
      await refresh(context, [kind])
      return [...lines, ...(await failures(context, kind))]
    },
  })
}

function emptySync(kind: string, masterless?: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Returns an empty list: this minion runs no ${kind}, so that none are taken.`,
    args: syncParams,
    kwargs: 'kwargs',
    run(context: BuiltinContext) {
      if (masterless !== undefined && !isLocal(context)) throw new CommandExecutionError(`${masterless} modules can only be synced to masterless minions`)
      return []
    },
  })
}

function isLocal(context: BuiltinContext): boolean {
  return context.config('file_client') === 'local'
}

function isLoaded(kind: string): kind is LoadedKind {
  return loadedKinds.some((loaded) => loaded === kind)
}

const syncAll = defineFunction({
  doc: 'Takes modules, grains and returners from the file server and loads them. Returns what each kind gave; kinds that this minion does not run give nothing.',
  args: syncParams,
  kwargs: 'kwargs',
  async run(context: BuiltinContext, args) {
    const result: Record<string, string[]> = {}
    if (isLocal(context)) result['tops'] = []
    for (const kind of allKinds) result[kind] = isLoaded(kind) ? await sync(context, kind, args) : []
    if (isLocal(context)) Object.assign(result, { pillar: [], wrapper: [] })
    if (!isTruthy(args.refresh)) return result as ValueObject
    await refresh(context, loadedKinds)
    for (const kind of loadedKinds) result[kind] = [...(result[kind] ?? []), ...(await failures(context, kind))]
    return result as ValueObject
  },
})

/** All of them, by name. */
export const syncFunctions: Readonly<Record<string, AnyFunction<BuiltinContext>>> = {
  ...Object.fromEntries(allKinds.map((kind) => [`sync_${kind}`, isLoaded(kind) ? loadedSync(kind) : emptySync(kind)])),
  ...Object.fromEntries(Object.entries(masterlessKinds).map(([kind, called]) => [`sync_${kind}`, emptySync(kind, called)])),
  sync_outputters: emptySync('output'),
  sync_all: syncAll,
}
