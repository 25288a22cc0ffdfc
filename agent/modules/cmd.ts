import { chmod, chown, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join } from 'node:path'
import { pythonStr } from '../matchers/python-text.ts'
import { commandParams } from './cmd-options.ts'
import type { CommandOptions } from './cmd-options.ts'
import { runCommand } from './cmd-run.ts'
import type { CommandReport } from './cmd-run.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import { findProgram } from './programs.ts'
import { findUser } from './run-as.ts'
import type { BuiltinContext } from './services.ts'
import { quoteWord } from './shell-words.ts'

/** What `cmd.run` and its like return: the output, unless it is hidden. */
function output(report: CommandReport, options: CommandOptions, stream: 'stdout' | 'stderr'): string {
  if (options.raise_err && report.retcode !== 0) {
    throw new CommandExecutionError(`Command failed with return code: ${report.retcode}\n${report[stream]}`)
  }
  return options.hide_output ? '' : report[stream]
}

function all(report: CommandReport, options: CommandOptions): CommandReport {
  return options.hide_output ? { ...report, stdout: '', stderr: '' } : report
}

/** A script's own copy in a private directory, readable only by who runs it. */
async function privateCopy(source: string, runas: string | null, context: BuiltinContext): Promise<{ directory: string; path: string }> {
  const user = runas === null ? undefined : await findUser(runas, context.agent)
  const directory = await mkdtemp(join(tmpdir(), 'brine-script-'))
  try {
    const path = join(directory, basename(source))
    await copyFile(source, path)
    await chmod(path, 0o500)
    if (user !== undefined && context.agent.user.uid === 0) {
      await chown(path, user.uid, user.gid)
      await chown(directory, user.uid, user.gid)
    }
    return { directory, path }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function script(context: BuiltinContext, options: CommandOptions, source: string, args: string): Promise<CommandReport> {
  const path = source.startsWith('file://') ? source.slice('file://'.length) : source
  if (!isAbsolute(path)) throw new CommandExecutionError(`only scripts on this host can be run, by an absolute path: ${source}`)
  let copy: { directory: string; path: string }
  try {
    copy = await privateCopy(path, options.runas, context)
  } catch (error) {
    if (error instanceof CommandExecutionError) throw error
    context.setRetcode(1)
    return { pid: 0, retcode: 1, stdout: '', stderr: `the script cannot be read: ${source}` }
  }
  try {
    const line = `${quoteWord(copy.path)}${args === '' ? '' : ` ${args}`}`
    return all(await runCommand(context, { ...options, cmd: line }, false), options)
  } finally {
    await rm(copy.directory, { recursive: true, force: true })
  }
}

const { cmd: _cmd, ...scriptOptions } = commandParams

export default defineModule<BuiltinContext>({
  name: 'cmd',
  functions: {
    run: defineFunction({
      doc: 'Runs a command and returns its output, standard error included (unless redirect_stderr is False).',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => output(await runCommand(context, args, args.redirect_stderr), args, 'stdout'),
    }),
    shell: defineFunction({
      doc: 'Runs a command in a shell and returns its output, standard error included.',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) =>
        output(await runCommand(context, { ...args, python_shell: true }, args.redirect_stderr), args, 'stdout'),
    }),
    run_stdout: defineFunction({
      doc: 'Runs a command and returns its standard output.',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => output(await runCommand(context, args, false), args, 'stdout'),
    }),
    run_stderr: defineFunction({
      doc: 'Runs a command and returns its standard error.',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => output(await runCommand(context, args, false), args, 'stderr'),
    }),
    run_all: defineFunction({
      doc: 'Runs a command and returns {pid, retcode, stdout, stderr}.',
      args: { ...commandParams, redirect_stderr: param.boolean(false) },
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => all(await runCommand(context, args, args.redirect_stderr), args),
    }),
    retcode: defineFunction({
      doc: 'Runs a command and returns its exit code.',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => (await runCommand(context, args, false)).retcode,
    }),
    script: defineFunction({
      doc: 'Runs a copy of a script that is on this host (an absolute path) and returns {pid, retcode, stdout, stderr}.',
      args: { source: param.text(), args: param.any(null), ...scriptOptions },
      kwargs: 'kwargs',
      async run(context: BuiltinContext, { source, args, ...options }) {
        return script(context, { ...options, cmd: '' }, source, args === null ? '' : pythonStr(args))
      },
    }),
    which: defineFunction({
      doc: 'Returns the path of a program in PATH; None when there is none.',
      args: { cmd: param.text() },
      run: async (context: BuiltinContext, { cmd }) => (await findProgram(cmd, context.agent.environment['PATH'])) ?? null,
    }),
    has_exec: defineFunction({
      doc: 'Whether a program is in PATH.',
      args: { cmd: param.text() },
      run: async (context: BuiltinContext, { cmd }) => (await findProgram(cmd, context.agent.environment['PATH'])) !== undefined,
    }),
  },
})
