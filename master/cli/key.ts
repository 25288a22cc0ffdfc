import { createInterface } from 'node:readline/promises'
import type { Argv, CommandModule } from 'yargs'
import { globMatch } from '../../agent/matchers/glob.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { pemFingerprint } from '../../agent/wire/pem.ts'
import { type KeyChange, changeKey } from '../key-changes.ts'
import { type KeyState, type KeyStore, keyStates, openKeyStore } from '../keys.ts'
import { MasterNotRunningError, askMaster } from '../local-client.ts'
import { openMasterKey } from '../master-key.ts'
import { type OutputterName, outputterNames, render } from '../../agent/outputters/index.ts'
import { type Palette, coloured, plain } from '../../agent/outputters/nested.ts'
import { type MasterSettings, localSocketPath } from '../settings.ts'
import { clientSettingsOf, paletteOf, run, withColours, withConfigDir } from './options.ts'
import { EXIT } from './print-returns.ts'

interface Args {
  action: 'list' | 'accept' | 'reject' | 'delete' | 'finger'
  id?: string
  all?: boolean
  yes?: boolean
  includeAccepted?: boolean
  includeDenied?: boolean
  includeRejected?: boolean
  out?: OutputterName
  configDir?: string
  noColor?: boolean
  forceColor?: boolean
}

const titles: Record<KeyState, string> = {
  accepted: 'Accepted Keys',
  denied: 'Denied Keys',
  pending: 'Unaccepted Keys',
  rejected: 'Rejected Keys',
}

/** The names of `salt-key --out json`, which scripts read. */
const directories: Record<KeyState, string> = {
  accepted: 'minions',
  denied: 'minions_denied',
  pending: 'minions_pre',
  rejected: 'minions_rejected',
}

/** `brine key list|accept|reject|delete|finger [ID]`: what `salt-key` does. ID may be a glob. */
export const command: CommandModule = {
  command: 'key <action> [id]',
  describe: 'List, accept, reject and delete the keys of minions',
  builder: (yargs: Argv) =>
    withColours(withConfigDir(yargs))
      .example('$0 key list', 'all keys')
      .example('$0 key finger web1', 'to be compared with the fingerprint on the minion')
      .example("$0 key accept 'web*' -y", 'accept several')
      .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
      .positional('action', { choices: ['list', 'accept', 'reject', 'delete', 'finger'] as const, demandOption: true })
      .positional('id', { type: 'string', describe: 'Id or glob; for list also accepted, pending, rejected or denied' })
      .option('all', { type: 'boolean', describe: 'Every key' })
      .option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' })
      .option('include-accepted', { alias: 'include_accepted', type: 'boolean', describe: 'reject: accepted keys too' })
      .option('include-denied', { alias: 'include_denied', type: 'boolean', describe: 'accept, reject: denied keys too' })
      .option('include-rejected', { alias: 'include_rejected', type: 'boolean', describe: 'accept: rejected keys too' })
      .option('out', { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of list and finger' })
      .check((args) => ['list', 'finger'].includes(args.action) || args['id'] !== undefined || args['all'] === true || `Which key? brine key ${args.action} ID, or --all`),
  handler: (args) => run(() => runKey(args as unknown as Args)),
}

async function runKey(args: Args): Promise<number> {
  const settings = clientSettingsOf(args)
  const keys = openKeyStore(settings.pki_dir)
  switch (args.action) {
    case 'list':
      return list(keys, args)
    case 'finger':
      return finger(keys, settings, args)
    case 'accept':
    case 'reject':
    case 'delete':
      return change(keys, settings, args, args.action)
    default: {
      const never: never = args.action
      throw new Error(`unknown action ${String(never)}`)
    }
  }
}

function list(keys: KeyStore, args: Args): number {
  const states = keyStates.filter((state) => args.id === undefined || stateNamed(args.id) === undefined || stateNamed(args.id) === state)
  const pattern = args.id !== undefined && stateNamed(args.id) === undefined ? args.id : '*'
  const found = states.map((state) => ({ state, ids: matching(keys, state, pattern) }))
  if (args.out !== undefined) {
    print(render(Object.fromEntries(found.map(({ state, ids }) => [directories[state], ids])), { wanted: args.out, palette: paletteOf(args) }))
    return EXIT.ok
  }
  const colours = keyPalette(paletteOf(args))
  for (const { state, ids } of found) {
    print(`${colours[state].title}${titles[state]}:${colours.end}`)
    for (const id of ids) print(`${colours[state].id}${id}${colours.end}`)
  }
  return EXIT.ok
}

function finger(keys: KeyStore, settings: MasterSettings, args: Args): number {
  const fingerprint = (pem: string) => pemFingerprint(pem, settings.hash_type)
  const data: Record<string, Record<string, string>> = {}
  if (args.id === undefined) {
    const masterKey = openMasterKey(settings.pki_dir, settings.keysize)
    data['local'] = { 'master.pub': fingerprint(masterKey.publicPem) }
  }
  for (const state of keyStates) {
    const ids = args.id === undefined && args.all !== true ? [] : matching(keys, state, args.id ?? '*')
    if (ids.length > 0) data[directories[state]] = Object.fromEntries(ids.map((id) => [id, fingerprint(keys.read(id, state) ?? '')]))
  }
  if (Object.keys(data).length === 0) return nothingMatches(args)
  if (args.out === undefined) {
    const shown = Object.entries(data).map(([name, members]) => [titleOf(name), members])
    print(render(Object.fromEntries(shown) as Record<string, Record<string, string>>, { palette: paletteOf(args) }))
  } else {
    print(render(data, { wanted: args.out, palette: paletteOf(args) }))
  }
  return EXIT.ok
}

async function change(keys: KeyStore, settings: MasterSettings, args: Args, act: KeyChange['act']): Promise<number> {
  const from = statesFor(act, args)
  const ids = [...new Set(from.flatMap((state) => matching(keys, state, args.id ?? '*')))].toSorted()
  if (ids.length === 0) return nothingMatches(args)
  const verb = { accept: 'accepted', reject: 'rejected', delete: 'deleted' }[act]
  print(`The following keys are going to be ${verb}:`)
  for (const id of ids) print(`  ${id}`)
  if (args.yes !== true && !(await confirmed())) return EXIT.ok
  for (const id of ids) {
    const taken = await changeOne(keys, settings, { act, id, from })
    if (taken.length > 0) print(`Key for minion ${id} ${verb}.`)
  }
  return EXIT.ok
}

/** A running master makes the change itself, since it also ends the minion's session; else the files are changed here. */
async function changeOne(keys: KeyStore, settings: MasterSettings, request: KeyChange): Promise<readonly unknown[]> {
  try {
    for await (const reply of askMaster(localSocketPath(settings), { cmd: 'keys', ...request })) {
      if (reply.type !== 'result') continue
      const taken = decode(Buffer.from(reply.data, 'base64'))
      return Array.isArray(taken) ? taken : []
    }
    return []
  } catch (error) {
    if (!(error instanceof MasterNotRunningError)) throw error
    return changeKey(keys, request)
  }
}

/** salt-key's rules: accept and reject take waiting keys unless told more, delete takes all. */
function statesFor(act: KeyChange['act'], args: Args): KeyState[] {
  if (act === 'delete') return [...keyStates]
  const states: KeyState[] = ['pending']
  if (args.includeDenied) states.push('denied')
  if (act === 'accept' && args.includeRejected) states.push('rejected')
  if (act === 'reject' && args.includeAccepted) states.push('accepted')
  return states
}

function matching(keys: KeyStore, state: KeyState, pattern: string): string[] {
  return keys.list(state).filter((id) => globMatch(id, pattern))
}

function stateNamed(word: string): KeyState | undefined {
  const names: Record<string, KeyState> = {
    acc: 'accepted', accepted: 'accepted', pre: 'pending', un: 'pending', unaccepted: 'pending', pending: 'pending',
    rej: 'rejected', rejected: 'rejected', den: 'denied', denied: 'denied',
  }
  return Object.hasOwn(names, word) ? names[word] : undefined
}

function nothingMatches(args: Args): number {
  process.stderr.write(`The key glob '${args.id ?? '*'}' does not match any ${args.action === 'finger' ? '' : 'unaccepted '}keys.\n`.replace('  ', ' '))
  return EXIT.failed
}

async function confirmed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = (await terminal.question('Proceed? [n/Y] ')).trim().toLowerCase()
    return answer === '' || answer.startsWith('y')
  } finally {
    terminal.close()
  }
}

function titleOf(directory: string): string {
  const state = keyStates.find((each) => directories[each] === directory)
  return state ? titles[state] : directory
}

function keyPalette(palette: Palette) {
  const on = palette.end !== ''
  const colour = (code: string) => (on ? `\x1b[0;${code}m` : '')
  return {
    accepted: { title: colour('32'), id: colour('32') },
    denied: { title: colour('35'), id: colour('35') },
    pending: { title: colour('31'), id: colour('31') },
    rejected: { title: colour('34'), id: colour('34') },
    end: (on ? coloured : plain).end,
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
