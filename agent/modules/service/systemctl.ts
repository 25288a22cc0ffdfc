import { access, constants, lstat, readdir, readlink, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { hasProgram, runProgram } from '../host/programs.ts'
import type { ProgramReport } from '../host/programs.ts'
import { isExecutable } from '../programs.ts'
import type { BuiltinContext } from '../services.ts'
import type { ServicePaths } from './host.ts'
import { listedName, unitName, withoutScope } from './units.ts'

/** Starting and stopping may take what the units allow, often a minute and a half. */
const actionTimeoutMs = 15 * 60_000
const shortTimeoutMs = 60_000

export interface CallOptions {
  noBlock?: boolean
  root?: string | null
  /** The call goes on when the agent's own service ends. */
  scope?: boolean
  more?: string[]
}

/** systemctl of one host. */
export interface Systemctl {
  paths: ServicePaths
  isBooted(): Promise<boolean>
  /** Runs `systemctl ACTION UNIT`. */
  call(action: string[], name: string | null, options?: CallOptions): Promise<ProgramReport>
  /** As `call`, and throws CommandExecutionError with what systemctl says when it fails. True. */
  mustDo(action: string[], name: string, options?: CallOptions): Promise<true>
  isAvailable(name: string): Promise<boolean>
  /** Has systemd read its files again when those of this unit have changed. */
  checkChanges(name: string): Promise<void>
  reload(): Promise<true>
  /** Names of all units and init scripts, sorted. */
  all(root: string | null): Promise<string[]>
  /** Names of the init scripts without a unit of the same name. */
  initScripts(root: string | null): Promise<string[]>
  isMasked(name: string, runtime: boolean, root: string | null): Promise<boolean>
}

/** A path of another system's directory. Throws InvocationError for a relative root. */
export function under(root: string | null, path: string): string {
  if (root === null || root === '') return path
  if (!isAbsolute(root) || root.includes('\0')) throw new InvocationError(`root must be an absolute path, not ${root}`)
  return join(root, path)
}

/** systemctl as a job calls it. */
export function createSystemctl(context: BuiltinContext, paths: ServicePaths): Systemctl {
  const isBooted = () => stat(paths.booted).then(() => true, () => false)

  async function call(action: string[], name: string | null, options: CallOptions = {}): Promise<ProgramReport> {
    const root = options.root ?? ''
    const words = [...(options.noBlock === true ? ['--no-block'] : []), ...(root === '' ? [] : ['--root', under(root, '/')]), ...action]
    const args = [...words, ...(name === null ? [] : [unitName(name)]), ...(options.more ?? [])]
    const timeoutMs = options.scope === true ? actionTimeoutMs : shortTimeoutMs
    const inScope = options.scope === true && context.config('systemd.scope') !== false && (await isBooted()) && (await hasProgram(context, 'systemd-run'))
    if (inScope) return runProgram(context, 'systemd-run', ['--scope', 'systemctl', ...args], { timeoutMs, ignoreRetcode: true })
    return runProgram(context, 'systemctl', args, { timeoutMs, ignoreRetcode: true })
  }
  const statusOf = (name: string) => call(['status'], name, { more: ['-n', '0'] })

  async function isAvailable(name: string): Promise<boolean> {
    if (!(await isBooted())) throw new CommandExecutionError(`Cannot run in offline mode. Failed to get information on unit '${name}'`)
    const { retcode, output } = await statusOf(name)
    // Before systemd 231 a unit that is not there looked like one that does not run.
    const unknown = retcode === 3 && /could not be found|^\s*loaded:\s+not-found/im.test(output)
    return retcode >= 0 && retcode < 4 && !unknown
  }
  async function reload(): Promise<true> {
    const { retcode, output } = await call(['--system', 'daemon-reload'], null)
    if (retcode !== 0) throw new CommandExecutionError(`Problem performing systemctl daemon-reload: ${output}`)
    return true
  }
  async function initScripts(root: string | null): Promise<string[]> {
    const [directory, units] = [under(root, paths.initScripts), await unitFiles(paths, root)]
    const names = await readdir(directory).catch(() => [])
    const usable: string[] = []
    for (const name of names) if (!units.has(name) && (await isExecutable(join(directory, name)))) usable.push(name)
    return usable
  }

  return {
    paths,
    isBooted,
    call,
    async mustDo(action, name, options = {}) {
      const { retcode, stderr } = await call(action, name, options)
      if (retcode !== 0) throw new CommandExecutionError(withoutScope(stderr))
      return true
    },
    isAvailable,
    async checkChanges(name) {
      const own = await access(join(paths.local, unitName(name)), constants.R_OK).then(() => true, () => false)
      const untracked = own && !(await isAvailable(name))
      if (untracked || (await statusOf(name)).output.toLowerCase().includes("'systemctl daemon-reload'")) await reload()
    },
    reload,
    initScripts,
    async all(root) {
      return [...(await unitFiles(paths, root)), ...(await initScripts(root))].toSorted((a, b) => (a < b ? -1 : 1))
    },
    async isMasked(name, runtime, root) {
      const directory = runtime ? paths.runtime : paths.local
      return (await readlink(join(under(root, directory), unitName(name))).catch(() => '')) === '/dev/null'
    },
  }
}

async function unitFiles(paths: ServicePaths, root: string | null): Promise<Set<string>> {
  const found = new Set<string>()
  for (const path of [...paths.units, paths.local]) {
    const directory = under(root, path)
    // A link leads to another of them.
    if ((await lstat(directory).catch(() => undefined))?.isDirectory() !== true) continue
    for (const file of await readdir(directory).catch(() => [])) {
      const name = listedName(file)
      if (name !== undefined) found.add(name)
    }
  }
  return found
}
