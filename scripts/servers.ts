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
  const missing = programs.filter(([name]) => findProgram(name) === null).flatMap(([, { packages }]) => packages)
  const drivers = SALT_DRIVERS.filter((name) => spawnSync('dpkg-query', ['-W', name], { stdio: 'ignore' }).status !== 0)
  const wanted = [...missing, ...drivers]
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

/** RUNLEVEL=1 keeps Debian from starting the servers as services: tests start their own. */
function apt(args: string[]): void {
  const command = process.getuid?.() === 0 ? ['apt-get', ...args] : ['sudo', '-E', 'apt-get', ...args]
  const [program = '', ...rest] = command
  const { status } = spawnSync(program, rest, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } })
  if (status !== 0) process.exitCode = 1
}
