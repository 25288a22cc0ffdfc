/** The completion scripts, sourced and driven in the shells themselves. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlServer, createControlServer } from '../../agent/control/server.ts'
import { packageRoot } from '../../agent/entry-points.ts'
import { silentLogger } from '../../agent/log.ts'
import { candidates } from '../../bin/candidates.mts'
import { SHELL_SCRIPTS } from '../../bin/shell-scripts.mts'

let root: string
let server: ControlServer

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'brine-completion-'))
  mkdirSync(join(root, 'bin'))
  symlinkSync(join(packageRoot, 'bin', 'brine'), join(root, 'bin', 'brine'))
  for (const [shell, script] of Object.entries(SHELL_SCRIPTS)) writeFileSync(join(root, `script.${shell}`), script)
  writeFileSync(join(root, 'minion'), `root_dir: ${root}\nreturner_dirs: [${root}/returners]\n`)
  writeFileSync(join(root, 'master'), `root_dir: ${root}\npki_dir: ${root}/pki\n`)
  mkdirSync(join(root, 'pki', 'minions'), { recursive: true })
  writeFileSync(join(root, 'pki', 'minions', 'web1'), 'key')
  mkdirSync(join(root, 'returners'))
  writeFileSync(join(root, 'returners', 'cmdb.ts'), '')
  const methods = { 'outbox.status': () => Promise.resolve({ destinations: [{ name: 'master:ab12' }, { name: 'sqlite3' }] }) }
  server = createControlServer({ path: join(root, 'run/brine/minion/control.sock'), methods, log: silentLogger, mayRemoveStale: true })
  await server.start()
})

afterAll(async () => {
  await server.stop()
  rmSync(root, { recursive: true, force: true })
})

async function words(line: string): Promise<string[]> {
  return (await candidates(line.split(' '))).map(({ word }) => word)
}

/** Runs a shell with lines of its own language. @throws when the shell is not installed: this is no reason to pass. */
async function inShell(shell: string, args: string[], lines: string): Promise<string> {
  const path = [join(root, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
  const env = { PATH: path, HOME: root, TERM: 'dumb', LC_ALL: 'C.UTF-8', BRINE_CONFIG_DIR: root, NODE_COMPILE_CACHE: join(packageRoot, 'node_modules', '.cache', 'brine-tests') }
  try {
    const { stdout } = await promisify(execFile)(shell, [...args, '-c', lines], { env, cwd: root })
    return stdout
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new Error(`this test needs the shell ${shell}: install the package "${shell}"`, { cause: error })
    throw error
  }
}

describe('candidates', () => {
  test.each<[string, string[]]>([
    ['outb', ['outbox']],
    ['outbox li', ['list']],
    ['outbox list --sta', ['--state']],
    ['outbox list --state ', ['queued', 'dead']],
    ['outbox list --state=d', ['--state=dead']],
    ['outbox list --state dead --json', ['--json']],
    ['key ', ['list', 'accept', 'reject', 'delete', 'finger', 'print']],
    ['config show outbox.max_b', ['outbox.max_bytes']],
    ['config show id outbox.max_b', ['outbox.max_bytes']],
    ['config show --master interf', ['interface']],
    ['config check -c ', [':files']],
    ['config check --config-dir=x', [':files']],
    ['nothing of this ', []],
  ])('%s', async (line, expected) => {
    expect(await words(line)).toEqual(expected)
  })

  test('what only this host knows', async () => {
    expect(await words(`outbox retry -c ${root} --to `)).toEqual(['master:ab12', 'sqlite3'])
    expect(await words(`returner check --config-dir=${root} c`)).toEqual(['cmdb'])
    expect(await words(`cmd -c ${root} w`)).toEqual(['web1'])
    expect(await words(`cmd -c ${root} -G os:Debian test.pi`)).toEqual(['test.ping'])
    expect(await words('cmd web1 tes')).toContain('test.ping')
    expect(await words(`cmd -c ${root} web1 test.ping --return cm`)).toEqual(['cmdb'])
    expect(await words(`call -c ${root} --return=sql`)).toEqual(['--return=sqlite3'])
    expect(await words(`call -c ${root} test.pi`)).toEqual(['test.ping'])
    expect(await words(`key -c ${root} accept w`)).toEqual(['web1'])
  })
})

describe('bash', () => {
  /** What bash would put in place of the last word, as its own words see it. */
  async function complete(line: string): Promise<string[]> {
    const drive = `source ${root}/script.bash
complete -p brine > /dev/null || exit 3
COMP_LINE=${JSON.stringify(line)} COMP_POINT=\${#COMP_LINE}
_brine brine
printf '%s\\n' "\${COMPREPLY[@]}"`
    return (await inShell('bash', ['--norc', '--noprofile'], drive)).trimEnd().split('\n')
  }

  test('commands, options and values', async () => {
    const found = await Promise.all([
      complete('brine outbox l'), complete('brine outbox list --sta'), complete('brine outbox retry --to master:a'), complete('brine config check -c mas'),
      complete("brine cmd '*' test.pi"), complete('brine call cmd.run_b'), complete('brine cmd web1 test.ping --return cm'),
    ])

    expect(found).toEqual([['list'], ['--state'], ['ab12'], ['master'], ['test.ping'], ['cmd.run_bg'], ['cmdb']])
  })
})

describe('zsh', () => {
  /** Types into an interactive zsh on a terminal of its own, and gives the line as it stands after TAB. */
  async function typed(line: string): Promise<string> {
    const drive = `zmodload zsh/zpty
zpty shell 'PS1=READY zsh -f -i'
zpty -w shell 'autoload -U compinit && compinit -u -D && source ${root}/script.zsh'
zpty -w shell 'show() { print -r -- "LINE""<$BUFFER>" }; zle -N show; bindkey "^X" show; print LOAD""ED'
zpty -r shell seen '*LOADED*' || exit 3
zpty -w -n shell $'${line}\\t\\C-x'
zpty -r shell seen '*LINE<*>*' || exit 4
print -r -- "\${\${seen##*LINE<}%%>*}"
zpty -d shell`
    return (await inShell('zsh', ['-f'], drive)).trimEnd()
  }

  test('commands, options and values', async () => {
    const lines = await Promise.all(['brine outb', 'brine outbox list --sta', 'brine outbox retry --to mas', 'brine config check -c mas', 'brine cmd web1 test.pi', 'brine call cmd.run_b', 'brine call --return cm'].map(typed))

    expect(lines).toEqual(['brine outbox', 'brine outbox list --state', 'brine outbox retry --to master:ab12', 'brine config check -c master', 'brine cmd web1 test.ping', 'brine call cmd.run_bg', 'brine call --return cmdb'])
  })
})

describe('fish', () => {
  async function complete(line: string): Promise<string[]> {
    const drive = `source ${root}/script.fish; complete -C ${JSON.stringify(line)}`
    return (await inShell('fish', ['--no-config'], drive)).trimEnd().split('\n')
  }

  test('commands, options and values', async () => {
    const [command, option, value, file, ofMinions, ofHost, returner] = await Promise.all([
      complete('brine outbox l'), complete('brine outbox list --sta'), complete('brine outbox retry --to '), complete('brine config check -c ./mas'),
      complete('brine cmd web1 test.pi'), complete('brine call cmd.run_b'), complete('brine call --return cm'),
    ])
    expect([ofMinions, ofHost, returner]).toEqual([['test.ping'], ['cmd.run_bg'], ['cmdb']])

    expect(command).toEqual(['list\tList queued and dead deliveries'])
    expect(option).toEqual(['--state\tIn this state'])
    expect(value).toEqual(['master:ab12', 'sqlite3'])
    expect(file).toEqual(['./master'])
  })
})
