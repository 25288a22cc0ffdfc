/**
 * Which servers this machine has for `npm run test:servers`; with `--install`, gets the missing ones from Debian.
 *
 *   scripts/servers [--install]
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { findProgram, type Program, PROGRAMS, programVersion, type ProgramName, SALT_DRIVERS } from '../test/servers/lib/programs.ts'

const { values } = parseArgs({ options: { install: { type: 'boolean', default: false } } })
const programs = Object.entries(PROGRAMS) as [ProgramName, Program][]

if (values.install) {
  // One that came from elsewhere is left alone; one of Debian's may lack a part that has a package of its own.
  const ours = programs.filter(([name, { packages: [first = ''] }]) => findProgram(name) === null || isInstalled(first))
  const wanted = [...ours.flatMap(([, { packages }]) => packages), ...SALT_DRIVERS].filter((name) => !isInstalled(name))
  if (wanted.length > 0) {
    apt(['update', '-qq'])
    apt(['install', '-y', '-qq', '--no-install-recommends', ...wanted])
  }
}
for (const [name, { title, packages }] of programs) {
  const path = findProgram(name)
  console.log(`${title.padEnd(28)}${path === null ? `missing (Debian: ${packages.join(' ')})` : `${programVersion(name, path)}  ${path}`}`)
}
if (values.install && programs.some(([name]) => findProgram(name) === null)) process.exitCode = 1

/** Of Debian's packages. */
function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' })
  return stdout === 'installed'
}

/** RUNLEVEL=1 keeps Debian from starting the servers as services: tests start their own. */
function apt(args: string[]): void {
  const command = process.getuid?.() === 0 ? ['apt-get', ...args] : ['sudo', '-E', 'apt-get', ...args]
  const [program = '', ...rest] = command
  const { status } = spawnSync(program, rest, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } })
  if (status !== 0) process.exitCode = 1
}
