/** `cmd.script` and `cmd.exec_code`: code that is put into a file of its own, run and removed (Salt: modules/cmdmod.py). */
import { chmod, chown, copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { bindArguments } from './bind.ts'
import { commandParams } from './cmd-options.ts'
import type { CommandOptions } from './cmd-options.ts'
import { runCommand } from './cmd-run.ts'
import type { CommandReport } from './cmd-run.ts'
import { param } from './contract.ts'
import { findUser } from './run-as.ts'
import { environmentOf } from './saltenv.ts'
import type { BuiltinContext } from './services.ts'
import { quoteWord } from './shell-words.ts'

/** The arguments of `cmd.exec_code`. */
export const codeParams = { lang: param.text(), code: param.any(), cwd: param.text(null), args: param.any(null) }

/** Salt's mark on the report of a script that could not be had. */
interface ScriptReport extends CommandReport {
  cache_error?: true
}

/**
 * Runs a copy of a script: of the file server, of a web server, or of this host. One that is not there is a report with retcode 1 and
 * `cache_error`.
 *
 * @throws CommandExecutionError and the like as `runCommand` and the file client do
 */
export async function runScript(context: BuiltinContext, options: CommandOptions, source: string, args: Value): Promise<ScriptReport> {
  const cached = await cacheScript(context, source, typeof options.saltenv === 'string' ? options.saltenv : null)
  const report = cached === undefined ? undefined : await inFile(context, options.runas, extname(source.split('?')[0] ?? ''), (path) => copyFile(cached, path), (path) => {
    const given = Array.isArray(args) ? args.map(pythonStr) : []
    const words = [path, ...given].map(quoteWord).join(' ')
    // A text is for the shell to take apart.
    return runCommand(context, { ...options, cmd: !Array.isArray(args) && isTruthy(args) ? `${words} ${pythonStr(args)}` : words }, false)
  })
  if (report !== undefined) return report
  context.setRetcode(1)
  return { pid: 0, retcode: 1, stdout: '', stderr: '', cache_error: true }
}

/** A path on this host; undefined when there is no such script. */
async function cacheScript(context: BuiltinContext, source: string, saltenv: string | null): Promise<string | undefined> {
  const files = await context.agent.files(context.signal)
  const path = await files.cacheFile(source, { saltenv: environmentOf(context, saltenv) })
  // A pipe or a device could be read for ever.
  return path === false || path === '' || (await stat(path).catch(() => undefined))?.isFile() !== true ? undefined : path
}

/** Runs code with an interpreter, without a shell. `kwargs`: options of `cmd.run_all`. Throws as `runCommand`. */
export async function runCode(
  context: BuiltinContext,
  { lang, code, cwd, args }: { lang: string; code: Value; cwd: string | null; args: Value },
  kwargs: ValueObject,
): Promise<CommandReport> {
  const options = bindOptions(kwargs)
  const given = Array.isArray(args) ? args.map(pythonStr) : typeof args === 'string' ? [args] : []
  const report = await inFile(
    context, options.runas, '', (path) => writeFile(path, pythonStr(code)),
    (path) => runCommand(context, { ...options, cmd: [lang, path, ...given], cwd, python_shell: false }, options.redirect_stderr),
  )
  if (report === undefined) throw new Error('the code could not be written')
  return report
}

/** The keywords of `cmd.run_all` among those that were given. */
function bindOptions(kwargs: ValueObject): CommandOptions {
  const params = Object.entries({ ...commandParams, redirect_stderr: param.boolean(false) }).map(([name, declared]) => ({ name, ...declared }))
  const description = { module: 'cmd', name: 'exec_code_all', doc: '', params, rest: null, kwargs: 'kwargs', outputter: null, isolate: false, immediate: false }
  return bindArguments(description, { args: [''], kwargs }).named as unknown as CommandOptions
}

/**
 * Makes a file in a private directory, readable only by who runs it, and removes it afterwards. Undefined when it cannot be filled
 * because what it is filled from is not there.
 */
async function inFile<Result>(
  context: BuiltinContext, runas: string | null, ending: string, fill: (path: string) => Promise<void>, use: (path: string) => Promise<Result>,
): Promise<Result | undefined> {
  const user = runas === null ? undefined : await findUser(runas, context.agent)
  const directory = await mkdtemp(join(tmpdir(), 'brine-script-'))
  try {
    const path = join(directory, `script${/^\.[A-Za-z0-9]+$/.test(ending) ? ending : ''}`)
    try {
      await fill(path)
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR')) return undefined
      throw error
    }
    await chmod(path, 0o500)
    if (user !== undefined && context.agent.user.uid === 0) {
      await chown(path, user.uid, user.gid)
      await chown(directory, user.uid, user.gid)
    }
    return await use(path)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
