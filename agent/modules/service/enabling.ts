/** Whether a service starts at boot (Salt: modules/systemd_service.py). */
import { readdir } from 'node:fs/promises'
import { CommandExecutionError } from '../contract.ts'
import { hasProgram, runProgram } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'
import { under } from './systemctl.ts'
import type { Systemctl } from './systemctl.ts'

const usualRunlevel = '2'

async function runlevel(context: BuiltinContext): Promise<string> {
  if (!(await hasProgram(context, 'runlevel'))) return usualRunlevel
  const { stdout } = await runProgram(context, 'runlevel', [], { ignoreRetcode: true })
  const level = stdout.split(/\s+/)[1] ?? ''
  return /^[0-9sS]$/.test(level) ? level : usualRunlevel
}

/** Whether an init script starts in today's runlevel. */
export async function initScriptStarts(context: BuiltinContext, systemctl: Systemctl, name: string, root: string | null): Promise<boolean> {
  const [before, after] = systemctl.paths.runlevels
  const links = await readdir(under(root, `${before}${await runlevel(context)}${after}`)).catch(() => [])
  return links.some((link) => /^S\d{0,2}/.test(link) && link.replace(/^S\d{0,2}/, '') === name)
}

/** Has an init script start at boot, or not. */
export async function setInitScript(context: BuiltinContext, name: string, starts: boolean): Promise<boolean> {
  if (await hasProgram(context, 'update-rc.d')) {
    const { retcode } = await runProgram(context, 'update-rc.d', ['-f', name, ...(starts ? ['defaults', '99'] : ['remove'])], { ignoreRetcode: true })
    return retcode === 0
  }
  if (await hasProgram(context, 'chkconfig')) {
    return (await runProgram(context, 'chkconfig', [name, starts ? 'on' : 'off'], { ignoreRetcode: true })).retcode === 0
  }
  throw new CommandExecutionError('Unable to find sysv service manager (tried update-rc.d, chkconfig)')
}

/** Whether a service starts at boot. */
export async function isEnabled(context: BuiltinContext, systemctl: Systemctl, name: string, root: string | null): Promise<boolean> {
  const { retcode, stdout } = await systemctl.call(['is-enabled'], name, { root })
  if (stdout === 'alias') {
    const behind = (await systemctl.call(['show'], name, { root, more: ['-P', 'Id'] })).stdout
    return behind !== '' && (await systemctl.call(['is-enabled'], behind, { root })).retcode === 0
  }
  if (retcode === 0) return true
  if ((await systemctl.initScripts(root)).includes(name)) return initScriptStarts(context, systemctl, name, root)
  return false
}
