/** The programs that change users and groups (useradd, groupmod, gpasswd …), as `user` and `group` call them. */
import { isAbsolute } from 'node:path'
import { CommandExecutionError, InvocationError } from './contract.ts'
import { argumentName, hasProgram, runProgram } from './host/programs.ts'
import type { ProgramReport } from './host/programs.ts'
import type { BuiltinContext } from './services.ts'

/**
 * Runs one of them. The job's retcode becomes the program's, as with Salt; what it said is in the log.
 *
 * @throws CommandExecutionError in Salt's words when it is not installed
 */
export async function runShadowTool(context: BuiltinContext, program: string, args: string[]): Promise<ProgramReport> {
  if (!(await hasProgram(context, program))) throw new CommandExecutionError(`Command '${program}' cannot be found`)
  const report = await runProgram(context, program, args)
  if (report.retcode !== 0) context.log.error({ program, retcode: report.retcode, stderr: report.stderr }, 'a program failed')
  return report
}

/** The option for another system's directory; none without it. Throws InvocationError for a relative path. */
export function rootOption(root: string | null, option = '-R'): string[] {
  if (root === null) return []
  if (!isAbsolute(root) || root.includes('\0')) throw new InvocationError(`root must be an absolute path, not ${root}`)
  return [option, root]
}

/** The name of a user or group, which is no option and no field of a file. Throws InvocationError. */
export function accountName(what: string, name: string): string {
  if (/[:,/\s]/.test(argumentName(what, name))) throw new InvocationError(`${what} must not have colons, commas, slashes or white space: ${name}`)
  return name
}

/** A field of a line in passwd(5). Throws InvocationError for what would be more than one. */
export function accountField(what: string, value: string): string {
  if (/[:\n\r\0]/.test(value)) throw new InvocationError(`${what} must not have colons or line breaks: ${JSON.stringify(value)}`)
  if (value.startsWith('-')) throw new InvocationError(`${what} must not begin with a dash: ${value}`)
  return value
}
