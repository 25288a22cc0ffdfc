import type { HostFiles } from './host-files.ts'
import type { GrainSource } from './source.ts'

/** Runs a program without a shell; gives its output, undefined when it cannot be had or fails. */
export type RunProgram = (file: string, args: string[], signal: AbortSignal) => Promise<string | undefined>

/** `systemd`: version and features, where systemctl and localectl are installed. The program is asked again only when it was replaced. */
export function systemdGrains(files: HostFiles, run: RunProgram): GrainSource {
  let known: { program: string; output: string } | undefined
  return {
    name: 'systemd',
    async collect(_known, signal) {
      const program = await files.program('systemctl')
      if (program === undefined || (await files.program('localectl')) === undefined) return {}
      const identity = `${program} ${await files.identity(program)}`
      if (known?.program !== identity) known = { program: identity, output: (await run(program, ['--version'], signal)) ?? '' }
      const [first = '', features = ''] = known.output.split('\n')
      return { systemd: { version: /^systemd (\S+)/.exec(first)?.[1] ?? 'UNDEFINED', features } }
    },
  }
}
