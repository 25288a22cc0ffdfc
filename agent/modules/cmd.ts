import { readFile, writeFile } from 'node:fs/promises'
import { pythonStr } from '../matchers/python-text.ts'
import { codeParams, runCode, runScript } from './cmd-code.ts'
import { commandParams } from './cmd-options.ts'
import type { CommandOptions } from './cmd-options.ts'
import { runCommand, startInBackground } from './cmd-run.ts'
import type { CommandReport } from './cmd-run.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import { findProgram } from './programs.ts'
import type { BuiltinContext } from './services.ts'

/** What `cmd.run` and its like return: the output, unless it is hidden. */
function output(report: CommandReport, options: CommandOptions, stream: 'stdout' | 'stderr'): string {
  const shown = options.hide_output ? '' : report[stream]
  if (options.raise_err && !options.ignore_retcode && report.retcode !== 0) throw new CommandExecutionError(shown)
  return shown
}

function all(report: CommandReport, options: CommandOptions): CommandReport {
  return options.hide_output ? { ...report, stdout: '', stderr: '' } : report
}

/** Salt's answers, which are never errors. */
async function writeToTerminal(device: string, text: string): Promise<Record<string, string>> {
  if (!/^(?:tty|pts)[A-Za-z0-9/]*$/.test(device)) return { Error: 'The specified device is not a valid TTY' }
  const path = `/dev/${device.replace('pts', 'pts/').replace('//', '/')}`
  try {
    // Only a device that is there: nothing is made.
    await writeFile(path, text, { flag: 'r+' })
    return { Success: `Message was successfully echoed to ${path}` }
  } catch {
    return { Error: `Echoing to ${path} returned error` }
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
      doc: 'Runs a copy of a script, a salt, http or https url or a path of this host, and returns {pid, retcode, stdout, stderr}.',
      args: { source: param.text(), args: param.any(null), ...scriptOptions },
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, { source, args, ...options }) => all(await runScript(context, { ...options, cmd: '' }, source, args), { ...options, cmd: '' }),
    }),
    script_retcode: defineFunction({
      doc: 'Runs a copy of a script and returns its exit code.',
      args: { source: param.text(), args: param.any(null), ...scriptOptions },
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, { source, args, ...options }) => (await runScript(context, { ...options, cmd: '' }, source, args)).retcode,
    }),
    exec_code: defineFunction({
      doc: 'Runs lines of code with an interpreter and returns what they print.',
      args: codeParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args, { kwargs }) => (await runCode(context, args, kwargs)).stdout,
    }),
    exec_code_all: defineFunction({
      doc: 'Runs lines of code with an interpreter and returns {pid, retcode, stdout, stderr}.',
      args: codeParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args, { kwargs }) => runCode(context, args, kwargs),
    }),
    run_bg: defineFunction({
      doc: 'Starts a command that goes on after the job, without its output, and returns {pid}.',
      args: commandParams,
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, args) => ({ pid: await startInBackground(context, args) }),
    }),
    shells: defineFunction({
      doc: 'Lists the login shells in /etc/shells.',
      run: async () => (await readFile('/etc/shells', 'utf8').catch(() => '')).split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')),
    }),
    tty: defineFunction({
      doc: 'Writes a text to a terminal: tty1, pts0.',
      args: { device: param.text(), echo: param.text('') },
      run: (_context: BuiltinContext, { device, echo }) => writeToTerminal(device, echo),
    }),
    which: defineFunction({
      doc: 'Returns the path of a program in PATH; None when there is none.',
      args: { cmd: param.text() },
      run: async (context: BuiltinContext, { cmd }) => (await findProgram(cmd, context.agent.environment['PATH'])) ?? null,
    }),
    which_bin: defineFunction({
      doc: 'Returns the path of the first of several programs that is in PATH; None when none is.',
      args: { cmds: param.list() },
      async run(context: BuiltinContext, { cmds }) {
        for (const name of cmds) {
          const path = await findProgram(pythonStr(name), context.agent.environment['PATH'])
          if (path !== undefined) return path
        }
        return null
      },
    }),
    has_exec: defineFunction({
      doc: 'Whether a program is in PATH.',
      args: { cmd: param.text() },
      run: async (context: BuiltinContext, { cmd }) => (await findProgram(cmd, context.agent.environment['PATH'])) !== undefined,
    }),
  },
})
