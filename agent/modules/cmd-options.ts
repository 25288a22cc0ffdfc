import { param } from './contract.ts'
import type { ArgsOf } from './contract.ts'

/** The arguments of the `cmd.run` family, in Salt's order. Those that Brine does not have are declared too, and refused when they are used. */
export const commandParams = {
  cmd: param.any(),
  cwd: param.text(null),
  stdin: param.any(null),
  runas: param.text(null),
  group: param.text(null),
  shell: param.text(null),
  python_shell: param.boolean(null),
  env: param.any(null),
  clean_env: param.boolean(false),
  template: param.any(null),
  rstrip: param.boolean(true),
  umask: param.any(null),
  output_encoding: param.text(null),
  output_loglevel: param.any('debug'),
  log_callback: param.any(null),
  hide_output: param.boolean(false),
  timeout: param.number(null),
  reset_system_locale: param.boolean(true),
  ignore_retcode: param.boolean(false),
  saltenv: param.any(null),
  use_vt: param.boolean(false),
  redirect_stderr: param.boolean(true),
  bg: param.boolean(false),
  password: param.any(null),
  encoded_cmd: param.boolean(false),
  raise_err: param.boolean(false),
  prepend_path: param.text(null),
  success_retcodes: param.list(null),
  success_stdout: param.list(null),
  success_stderr: param.list(null),
}

export type CommandOptions = ArgsOf<typeof commandParams>

/** Options whose effect a caller would miss: better an error than a command that runs differently. */
export const unsupported = ['template', 'use_vt', 'bg', 'encoded_cmd', 'output_encoding'] as const satisfies readonly (keyof CommandOptions)[]
