/** How `cmd.*` runs a command: Salt's defaults and checks (modules/cmdmod.py), one program at a time. */
import { access, constants } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { globMatch } from '../matchers/glob.ts'
import { isTruthy, pythonRepr, pythonStr } from '../matchers/python-text.ts'
import { entries, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { SpawnError } from './commands.ts'
import type { Captured, CommandRequest, CommandResult } from './commands.ts'
import { unsupported } from './cmd-options.ts'
import type { CommandOptions } from './cmd-options.ts'
import { CommandExecutionError, InvocationError } from './contract.ts'
import { findProgram, isDirectory, isExecutable } from './programs.ts'
import { findUser, runAsPrefix } from './run-as.ts'
import type { UserEntry } from './run-as.ts'
import type { BuiltinContext } from './services.ts'
import { quoteWord, splitWords } from './shell-words.ts'

export interface CommandReport {
  pid: number
  retcode: number
  stdout: string
  stderr: string
}

const defaultShell = '/bin/sh'
/** What the shell between does with the words it gets. */
const outputScripts: Readonly<Record<Output, string>> = {
  merged: 'exec "$@" 2>&1',
  apart: 'exec "$@"',
  background: '"$@" </dev/null >/dev/null 2>&1 & echo $!',
}
/** What Salt resets so that output can be read by programs; LC_ALL is left to the caller. */
const localeVariables = [
  'LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE',
  'LC_MEASUREMENT LC_IDENTIFICATION LANGUAGE',
].flatMap((line) => line.split(' '))

/**
 * Runs a command with its options. Sets the job's retcode unless `ignore_retcode`.
 *
 * @throws CommandExecutionError, InvocationError or CommandNotFoundError in Salt's words for options that cannot be had.
 */
export async function runCommand(context: BuiltinContext, options: CommandOptions, mergeStderr: boolean): Promise<CommandReport> {
  const { request, said } = await prepare(context, options, mergeStderr ? 'merged' : 'apart')
  const report = reportOf(await start(context, request), options, said)
  context.setRetcode(options.ignore_retcode ? 0 : report.retcode)
  return report
}

/**
 * Starts a command that goes on when its job has ended, without input and with its output thrown away. Gives its pid. Throws as
 * `runCommand`.
 */
export async function startInBackground(context: BuiltinContext, options: CommandOptions): Promise<number> {
  const { request } = await prepare(context, { ...options, stdin: null, timeout: null }, 'background')
  const { stdout } = await start(context, request)
  return Number(stdout.bytes.toString('utf8'))
}

/** Where a command's output goes. In the background it goes nowhere, and the shell between prints the pid. */
type Output = 'merged' | 'apart' | 'background'

async function prepare(context: BuiltinContext, options: CommandOptions, output: Output): Promise<{ request: CommandRequest; said: string }> {
  refuseUnsupported(options)
  const { agent } = context
  const user = options.runas === null ? undefined : await findUser(options.runas, agent)
  const cwd = await workingDirectory(options, user, context)
  const shell = await checkedShell(options.shell ?? agent.environment['SHELL'] ?? defaultShell)
  const command = checkedCommand(context, options)
  const env = environmentOf(context, options, user)
  const useShell = options.python_shell ?? shellByDefault(context)
  const words = useShell ? [shell, '-c', shellLine(command)] : listOfWords(command)
  const prefix = await runAsPrefix(user, options.group ?? undefined, agent)
  const said = useShell ? shellLine(command) : pythonRepr(words)
  const [file = '', ...args] = await wrapped([...prefix, ...words], { output, umask: umaskOf(options.umask), env, cwd, said })
  const stdin = options.stdin === null ? {} : { stdin: pythonStr(options.stdin).replaceAll('\\n', '\n') }
  // Salt's too: 0 is no limit.
  const timeout = options.timeout === null || options.timeout === 0 ? {} : { timeoutMs: Math.max(0, options.timeout * 1000) }
  context.log.info({ program: words[0], runas: options.runas, cwd }, 'a command starts')
  return { request: { file, args, cwd, env, ...stdin, ...timeout, outputLimitBytes: agent.outputLimitBytes }, said }
}

async function start(context: BuiltinContext, request: CommandRequest): Promise<CommandResult> {
  try {
    return await context.agent.command(request)
  } catch (error) {
    if (error instanceof SpawnError) throw new CommandExecutionError(`Unable to run command '${request.file}', reason: ${error.message}`)
    throw error
  }
}

function refuseUnsupported(options: CommandOptions): void {
  const used = unsupported.filter((name) => isTruthy(options[name]))
  if (used.length > 0) throw new InvocationError(`not supported by this minion: ${used.join(', ')}`)
}

async function workingDirectory(options: CommandOptions, user: UserEntry | undefined, context: BuiltinContext): Promise<string> {
  if (options.cwd === null || options.cwd === '') {
    const home = user?.home ?? context.agent.user.home
    const readable = await access(home, constants.R_OK).then(() => true, () => false)
    return readable && (await isDirectory(home)) ? home : '/'
  }
  if (isAbsolute(options.cwd) && (await isDirectory(options.cwd))) return options.cwd
  throw new CommandExecutionError(`Specified cwd '${options.cwd}' either not absolute or does not exist`)
}

async function checkedShell(shell: string): Promise<string> {
  if (await isExecutable(shell)) return shell
  throw new CommandExecutionError(`The shell ${shell} is not available`)
}

/** The command, if the site's lists allow it. They concern what a master asked for, also through a function that calls another one, not what a site's own modules do. */
function checkedCommand(context: BuiltinContext, { cmd }: CommandOptions): string | string[] {
  const command = Array.isArray(cmd) ? cmd.map(pythonStr) : pythonStr(cmd)
  const text = typeof command === 'string' ? command : command.join(' ')
  const denied = matchesAny(context.config('cmd_blacklist_glob'), text)
  const whitelist = context.config('cmd_whitelist_glob')
  const allowed = !isTruthy(whitelist ?? null) || matchesAny(whitelist, text)
  const concerned = 'jid' in context.pub || context.askedBy === 'master'
  if (concerned && (denied || !allowed)) throw new CommandExecutionError(`The shell command "${text}" is not permitted`)
  return command
}

function matchesAny(patterns: Value | undefined, text: string): boolean {
  return Array.isArray(patterns) && patterns.some((pattern) => typeof pattern === 'string' && globMatch(text, pattern))
}

/** A shell is between when a master calls directly, or with `cmd_safe: False`; not when a function calls. */
function shellByDefault(context: BuiltinContext): boolean {
  return 'jid' in context.pub || context.config('cmd_safe') === false
}

function shellLine(command: string | string[]): string {
  return typeof command === 'string' ? command : command.map(quoteWord).join(' ')
}

function listOfWords(command: string | string[]): string[] {
  const words = typeof command === 'string' ? splitWords(command) : command
  if (words.length === 0) throw new InvocationError('the command is empty')
  return words
}

function environmentOf(context: BuiltinContext, options: CommandOptions, user: UserEntry | undefined): Record<string, string> {
  const given = parseEnvironment(options.env)
  const own = options.clean_env ? {} : context.agent.environment
  const ofUser = user === undefined ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell }
  const locale = options.reset_system_locale ? Object.fromEntries(localeVariables.map((name) => [name, 'C'])) : {}
  const env: Record<string, string> = { ...own, ...locale, ...ofUser, ...given }
  if (!('NOTIFY_SOCKET' in given)) delete env['NOTIFY_SOCKET']
  if (options.prepend_path !== null) env['PATH'] = [options.prepend_path, env['PATH'] ?? ''].filter((part) => part !== '').join(':')
  return env
}

/** A map, or a list of maps; a value of None becomes an empty one. */
function parseEnvironment(env: Value): Record<string, string> {
  const maps = Array.isArray(env) ? env : [env]
  const found: [string, string][] = []
  for (const map of maps) {
    if (!isMap(map)) continue
    for (const [name, value] of entries(map)) found.push([pythonStr(name), value === null ? '' : pythonStr(value)])
  }
  return Object.fromEntries(found)
}

function umaskOf(umask: Value): string | undefined {
  if (umask === null) return undefined
  const digits = pythonStr(umask).replace(/^0+/, '')
  if (digits === '') throw new CommandExecutionError('Zero umask is not allowed.')
  if (!/^[0-7]{1,4}$/.test(digits)) throw new CommandExecutionError(`Invalid umask: '${pythonStr(umask)}'`)
  return digits
}

/**
 * The words to start. Node can neither set a child's umask nor let its two streams share one pipe (only that keeps their
 * order), so a shell does it and then becomes the program. It would report a missing program in its own way: looked for first.
 */
async function wrapped(
  words: string[],
  how: { output: Output; umask: string | undefined; env: Readonly<Record<string, string>>; cwd: string; said: string },
): Promise<string[]> {
  const program = await findProgram(words[0] ?? '', how.env['PATH'], how.cwd)
  if (program === undefined) {
    throw new CommandExecutionError(`Unable to run command '${how.said}', reason: [Errno 2] No such file or directory: '${words[0] ?? ''}'`)
  }
  if (how.output === 'apart' && how.umask === undefined) return [program, ...words.slice(1)]
  const umask = how.umask === undefined ? '' : `umask ${how.umask}; `
  return [defaultShell, '-c', `${umask}${outputScripts[how.output]}`, 'sh', program, ...words.slice(1)]
}

function reportOf(result: CommandResult, options: CommandOptions, said: string): CommandReport {
  if (result.timedOut) {
    return { pid: result.pid, retcode: 1, stdout: `${said} : Timed out after ${options.timeout ?? 0} seconds`, stderr: '' }
  }
  const stdout = textOf(result.stdout, options.rstrip)
  const stderr = textOf(result.stderr, options.rstrip)
  const accepted = (options.success_retcodes ?? [0]).map(successRetcode).includes(result.retcode)
  const success = accepted || contains(stdout, options.success_stdout) || contains(stderr, options.success_stderr)
  return { pid: result.pid, retcode: success ? 0 : result.retcode, stdout, stderr }
}

function contains(text: string, wanted: Value[] | null): boolean {
  return (wanted ?? []).some((part) => text.includes(pythonStr(part)))
}

function successRetcode(given: Value): number {
  const code = Number(pythonStr(given))
  if (!Number.isInteger(code)) throw new InvocationError('success_retcodes must be a list of integers')
  return code
}

/** Output as text: what is no UTF-8 is replaced, as Salt does; what was cut off is said. */
function textOf(captured: Captured, rstrip: boolean): string {
  const text = captured.bytes.toString('utf8')
  const stripped = rstrip ? withoutTrailingSpace(text) : text
  if (captured.totalBytes <= captured.bytes.length) return stripped
  return `${stripped}\n[output cut: the first ${captured.bytes.length} of ${captured.totalBytes} bytes]`
}

/** Python's `rstrip()`: its white space is not quite JavaScript's. */
function withoutTrailingSpace(text: string): string {
  let end = text.length
  while (end > 0 && isPythonSpace(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

function isPythonSpace(code: number): boolean {
  if ((code >= 0x1c && code <= 0x1f) || code === 0x85) return true
  return code !== 0xfeff && /\s/.test(String.fromCharCode(code))
}
