/** The host's services, by systemd (Salt: modules/systemd_service.py). */
import { stat } from 'node:fs/promises'
import { globMatch } from '../matchers/glob.ts'
import { get } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { findProgram } from './programs.ts'
import type { BuiltinModule } from './registry.ts'
import { initScriptStarts, isEnabled, setInitScript } from './service/enabling.ts'
import { hostPaths } from './service/host.ts'
import type { ServicePaths } from './service/host.ts'
import { createSystemctl } from './service/systemctl.ts'
import type { Systemctl } from './service/systemctl.ts'
import { readProperties, runningUnits, unitName, unitsInState } from './service/units.ts'
import type { BuiltinContext } from './services.ts'

/** A restart of our own service must not wait for itself. */
const ownUnits = new Set(['brine.service', 'brine-minion.service', 'salt-minion.service'])
const notBooted =
  'The systemd execution module failed to load: only available on Linux systems which have been booted with systemd.'

interface Unmasking {
  unmask: boolean
  unmask_runtime: boolean
}

/** Everything that is done to a unit begins with this. */
async function prepared(systemctl: Systemctl, name: string, { unmask, unmask_runtime: runtime }: Unmasking, root: string | null = null): Promise<void> {
  await systemctl.checkChanges(name)
  if (unmask) await unmaskUnit(systemctl, name, false, root)
  if (runtime) await unmaskUnit(systemctl, name, true, root)
}

async function unmaskUnit(systemctl: Systemctl, name: string, runtime: boolean, root: string | null): Promise<true> {
  await systemctl.checkChanges(name)
  if (!(await systemctl.isMasked(name, runtime, root))) return true
  const { retcode } = await systemctl.call(['unmask', ...(runtime ? ['--runtime'] : [])], name, { scope: true, root })
  if (retcode !== 0) throw new CommandExecutionError(`Failed to unmask service '${name}'`)
  return true
}

async function maskUnit(systemctl: Systemctl, name: string, runtime: boolean, root: string | null): Promise<true> {
  await systemctl.checkChanges(name)
  const { retcode, output } = await systemctl.call(['mask', ...(runtime ? ['--runtime'] : [])], name, { scope: true, root })
  if (retcode !== 0) throw new CommandExecutionError(`Failed to mask service '${name}'\n${output}`)
  return true
}

async function statusOf(systemctl: Systemctl, name: string): Promise<Value> {
  const isActive = async (unit: string): Promise<boolean> => {
    await systemctl.checkChanges(unit)
    return (await systemctl.call(['is-active'], unit)).retcode === 0
  }
  if (!/[*?]|\[.+\]/.test(name)) return isActive(name)
  const states: Record<string, boolean> = {}
  for (const unit of await systemctl.all(null)) if (globMatch(unit, name)) states[unit] = await isActive(unit)
  return states
}

function blocksNot(name: string, given: boolean | null): boolean {
  return given ?? ownUnits.has(unitName(name))
}

const name = param.text()
const root = param.text(null)
const unmasking = { unmask: param.boolean(false), unmask_runtime: param.boolean(false) }

type Make = (context: BuiltinContext) => Systemctl

function acting(make: Make): Record<string, AnyFunction<BuiltinContext>> {
  const act = (action: string, doc: string, fallback: boolean | null) =>
    defineFunction({
      doc,
      args: { name, no_block: fallback === null ? param.boolean(null) : param.boolean(fallback), ...unmasking },
      async run(context: BuiltinContext, args) {
        const systemctl = make(context)
        await prepared(systemctl, args.name, args)
        return systemctl.mustDo([action], args.name, { scope: true, noBlock: blocksNot(args.name, args.no_block) })
      },
    })
  return {
    start: act('start', 'Starts a service. Returns True, or what systemctl says of the failure.', false),
    restart: act('restart', 'Restarts a service. The own service of the minion is restarted without waiting for it.', null),
    reload: act('reload', 'Has a service read its configuration again.', false),
    force_reload: act('force-reload', 'Has a service read its configuration again, or restarts it when it cannot.', true),
    stop: defineFunction({
      doc: 'Stops a service. Returns True or False.',
      args: { name, no_block: param.boolean(null) },
      async run(context: BuiltinContext, args) {
        const systemctl = make(context)
        await systemctl.checkChanges(args.name)
        const { retcode } = await systemctl.call(['stop'], args.name, { scope: true, noBlock: blocksNot(args.name, args.no_block) })
        context.setRetcode(retcode)
        return retcode === 0
      },
    }),
    systemctl_reload: defineFunction({ doc: 'Has systemd read all unit files again.', run: (context: BuiltinContext) => make(context).reload() }),
  }
}

function booting(make: Make): Record<string, AnyFunction<BuiltinContext>> {
  return {
    enable: defineFunction({
      doc: 'Has a service start at boot.',
      args: { name, no_block: param.boolean(false), ...unmasking, root },
      kwargs: 'kwargs',
      async run(context: BuiltinContext, args) {
        const systemctl = make(context)
        await prepared(systemctl, args.name, args, args.root)
        if ((await systemctl.initScripts(args.root)).includes(args.name)) return setInitScript(context, args.name, true)
        return systemctl.mustDo(['enable'], args.name, { scope: true, noBlock: args.no_block, root: args.root })
      },
    }),
    disable: defineFunction({
      doc: 'Has a service not start at boot. Returns True or False.',
      args: { name, no_block: param.boolean(false), root },
      kwargs: 'kwargs',
      async run(context: BuiltinContext, args) {
        const systemctl = make(context)
        await systemctl.checkChanges(args.name)
        if ((await systemctl.initScripts(args.root)).includes(args.name)) return setInitScript(context, args.name, false)
        return (await systemctl.call(['disable'], args.name, { scope: true, noBlock: args.no_block, root: args.root })).retcode === 0
      },
    }),
    enabled: defineFunction({
      doc: 'Whether a service starts at boot.',
      args: { name, root },
      kwargs: 'kwargs',
      run: (context: BuiltinContext, args) => isEnabled(context, make(context), args.name, args.root),
    }),
    disabled: defineFunction({
      doc: 'Whether a service does not start at boot.',
      args: { name, root },
      run: async (context: BuiltinContext, args) => !(await isEnabled(context, make(context), args.name, args.root)),
    }),
    mask: defineFunction({
      doc: 'Masks a service, so that nothing starts it; runtime=True only until the next boot.',
      args: { name, runtime: param.boolean(false), root },
      run: (context: BuiltinContext, args) => maskUnit(make(context), args.name, args.runtime, args.root),
    }),
    unmask: defineFunction({
      doc: 'Takes the mask from a service.',
      args: { name, runtime: param.boolean(false), root },
      run: (context: BuiltinContext, args) => unmaskUnit(make(context), args.name, args.runtime, args.root),
    }),
    masked: defineFunction({
      doc: 'Whether a service is masked; runtime=True: until the next boot.',
      args: { name, runtime: param.boolean(false), root },
      async run(context: BuiltinContext, args) {
        const systemctl = make(context)
        await systemctl.checkChanges(args.name)
        return systemctl.isMasked(args.name, args.runtime, args.root)
      },
    }),
  }
}

function listing(make: Make): Record<string, AnyFunction<BuiltinContext>> {
  const unitFiles = async (context: BuiltinContext, within: string | null, state: string): Promise<string[]> => {
    const { output } = await make(context).call(['--full', '--no-legend', '--no-pager', 'list-unit-files'], null, { root: within })
    return unitsInState(output, state)
  }
  const withScripts = async (context: BuiltinContext, within: string | null, state: string, starts: boolean): Promise<string[]> => {
    const [systemctl, names] = [make(context), await unitFiles(context, within, state)]
    for (const script of await systemctl.initScripts(within)) {
      if ((await initScriptStarts(context, systemctl, script, within)) === starts) names.push(script)
    }
    return [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1))
  }
  return {
    get_all: defineFunction({
      doc: 'Lists all services and other units, and the init scripts without one.',
      args: { root },
      run: (context: BuiltinContext, args) => make(context).all(args.root),
    }),
    get_running: defineFunction({
      doc: 'Lists the services and other units that run.',
      async run(context: BuiltinContext) {
        return runningUnits((await make(context).call(['--full', '--no-legend', '--no-pager'], null)).output)
      },
    }),
    get_enabled: defineFunction({
      doc: 'Lists what starts at boot.',
      args: { root },
      run: (context: BuiltinContext, args) => withScripts(context, args.root, 'enabled', true),
    }),
    get_disabled: defineFunction({
      doc: 'Lists what could start at boot and does not.',
      args: { root },
      run: (context: BuiltinContext, args) => withScripts(context, args.root, 'disabled', false),
    }),
    get_static: defineFunction({
      doc: 'Lists the units that only start because others need them.',
      args: { root },
      run: (context: BuiltinContext, args) => unitFiles(context, args.root, 'static'),
    }),
    execs: defineFunction({
      doc: 'Returns the program that each service starts.',
      args: { root },
      async run(context: BuiltinContext, args) {
        const [systemctl, programs] = [make(context), {} as Record<string, Value>]
        for (const service of await systemctl.all(args.root)) {
          context.signal.throwIfAborted()
          const path = get(get(readProperties((await systemctl.call(['show'], service, { root: args.root })).output), 'ExecStart'), 'path')
          if (path !== undefined) programs[service] = path
        }
        return programs
      },
    }),
  }
}

function asking(make: Make): Record<string, AnyFunction<BuiltinContext>> {
  const available = async (context: BuiltinContext, unit: string): Promise<boolean> => {
    const systemctl = make(context)
    await systemctl.checkChanges(unit)
    return systemctl.isAvailable(unit)
  }
  return {
    status: defineFunction({
      doc: 'Whether a service runs; for a glob a map of all that it matches.',
      args: { name, sig: param.any(null) },
      run: (context: BuiltinContext, args) => statusOf(make(context), args.name),
    }),
    available: defineFunction({
      doc: 'Whether there is a service of this name.',
      args: { name },
      run: (context: BuiltinContext, args) => available(context, args.name),
    }),
    missing: defineFunction({
      doc: 'Whether there is no service of this name.',
      args: { name },
      run: async (context: BuiltinContext, args) => !(await available(context, args.name)),
    }),
    show: defineFunction({
      doc: 'Returns all properties of a unit.',
      args: { name, root },
      async run(context: BuiltinContext, args) {
        const { output, retcode } = await make(context).call(['show'], args.name, { root: args.root })
        context.setRetcode(retcode)
        return readProperties(output)
      },
    }),
    offline: defineFunction({
      doc: 'Whether systemctl is there though systemd does not run, as in containers and images.',
      run: async (context: BuiltinContext) => !(await make(context).isBooted()),
    }),
  }
}

/** The module for a host with these paths. */
export function serviceModule(paths: ServicePaths): BuiltinModule {
  const make: Make = (context) => createSystemctl(context, paths)
  return defineModule<BuiltinContext>({
    name: 'service',
    async virtual({ grains }) {
      if (get(grains, 'kernel') !== 'Linux') return notBooted
      const booted = await stat(paths.booted).then(() => true, () => false)
      return booted || (await findProgram('systemctl', undefined)) !== undefined || notBooted
    },
    functions: { ...asking(make), ...acting(make), ...booting(make), ...listing(make) },
  })
}

export default serviceModule(hostPaths)
