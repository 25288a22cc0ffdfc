/** Holding packages back from upgrades, with dpkg (Salt: modules/aptpkg.py). */
import { pythonStr } from '../../matchers/python-text.ts'
import { entries, get, isMap } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction } from '../contract.ts'
import { runProgram } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'
import { ask, readTargets } from './manager.ts'
import { selections } from './parse-apt.ts'

const args = { name: param.text(null), pkgs: param.list(null), sources: param.list(null) }

interface Given {
  name: string | null
  pkgs: Value[] | null
  sources: Value[] | null
}

function targetsOf(context: BuiltinContext, { name, pkgs, sources }: Given): string[] {
  if (get(context.grains, 'os_family') !== 'Debian') throw new CommandExecutionError('packages are held on Debian and its kin only')
  if (name === null && pkgs === null && sources === null) throw new InvocationError('One of name, pkgs, or sources must be specified.')
  if (pkgs !== null && sources !== null) throw new InvocationError('Only one of pkgs or sources can be specified.')
  const named = sources?.map((source) => (isMap(source) ? (entries(source)[0]?.[0] ?? null) : source))
  return readTargets(name, named ?? pkgs?.map((item) => (isMap(item) ? pythonStr(entries(item)[0]?.[0] ?? null) : item)) ?? null).map((target) => target.name)
}

async function stateOf(context: BuiltinContext, name: string): Promise<string | undefined> {
  return selections((await ask(context, 'dpkg', ['--get-selections', name])).stdout).get(name)
}

async function select(context: BuiltinContext, name: string, state: string, was: string): Promise<Record<string, Value>> {
  const { retcode, stderr } = await runProgram(context, 'dpkg', ['--set-selections'], { stdin: `${name} ${state}\n` })
  if (retcode !== 0) throw new CommandExecutionError(stderr)
  return { old: was, new: state }
}

async function change(context: BuiltinContext, name: string, hold: boolean): Promise<Record<string, Value>> {
  const was = await stateOf(context, name)
  const answer = { name, changes: {}, result: false as boolean | null, comment: '' }
  if (was === undefined) return { ...answer, comment: hold ? `Package ${name} not currently held.` : `Package ${name} does not have a state.` }
  const already = (was === 'hold') === hold
  if (already) return { ...answer, result: true, comment: `Package ${name} is already set ${hold ? '' : 'not '}to be held.` }
  if (context.config('test') === true) return { ...answer, result: null, comment: `Package ${name} is set ${hold ? '' : 'not '}to be held.` }
  const changes = await select(context, name, hold ? 'hold' : 'install', was)
  return { ...answer, changes, result: true, comment: hold ? `Package ${name} is now being held.` : `Package ${name} is no longer being held.` }
}

function holding(doc: string, hold: boolean): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc,
    args,
    kwargs: 'kwargs',
    async run(context: BuiltinContext, given) {
      const answers: Record<string, Value> = {}
      for (const name of targetsOf(context, given)) answers[name] = await change(context, name, hold)
      return answers
    },
  })
}

/** `pkg.hold` and `pkg.unhold`. */
export const holdFunctions: Record<string, AnyFunction<BuiltinContext>> = {
  hold: holding('Keeps packages in their version, by name or pkgs (Debian).', true),
  unhold: holding('Lets packages be upgraded again, by name or pkgs (Debian).', false),
}
