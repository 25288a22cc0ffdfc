import { createInterface } from 'node:readline/promises'
import type { Argv, CommandModule } from 'yargs'
import { globMatch } from '../../agent/matchers/glob.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { pemFingerprint } from '../../agent/wire/pem.ts'
import type { ValueObject } from '../../agent/wire/value.ts'
import { type KeyChange, changeKey } from '../key-changes.ts'
import { type KeyState, type KeyStore, keyStates, openKeyStore } from '../keys.ts'
import { MasterNotRunningError, askMaster } from '../local-client.ts'
import { openMasterKey } from '../master-key.ts'
import { type OutputterName, outputterNames, render } from '../../agent/outputters/index.ts'
import { type MasterSettings, localSocketPath } from '../settings.ts'
import { clientSettingsOf, paletteOf, run, UsageError, withColours, withConfigDir } from './options.ts'
import { EXIT } from './print-returns.ts'

const actions = ['list', 'accept', 'reject', 'delete', 'finger', 'print'] as const
type Action = (typeof actions)[number]

/** salt-key's own options for the actions, each with the one for every key. */
const saltOptions = {
  l: { action: 'list', name: 'list', describe: 'As salt-key: list accepted, pre (un), rejected, denied or all' },
  a: { action: 'accept', name: 'accept', describe: 'As salt-key: accept ID' },
  r: { action: 'reject', name: 'reject', describe: 'As salt-key: reject ID' },
  d: { action: 'delete', name: 'delete', describe: 'As salt-key: delete ID' },
  f: { action: 'finger', name: 'finger', describe: 'As salt-key: the fingerprint of ID' },
  p: { action: 'print', name: 'print', describe: 'As salt-key: the key of ID' },
} as const

interface Args extends Partial<Record<Action | `${Action}All`, string | boolean>> {
  action: Action
  id?: string
  all?: boolean
  quiet?: boolean
  includeAll?: boolean
  outIndent?: number
  yes?: boolean
  includeAccepted?: boolean
  includeDenied?: boolean
  includeRejected?: boolean
  out?: OutputterName
  configDir?: string
  noColor?: boolean
  forceColor?: boolean
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
  command: 'key [action] [id]',
  describe: 'List, accept, reject and delete the keys of minions',
  builder: (yargs: Argv) =>
    withColours(withConfigDir(yargs))
      .example('$0 key list', 'all keys')
      .example('$0 key finger web1', 'to be compared with the fingerprint on the minion')
      .example("$0 key accept 'web*' -y", 'accept several')
      .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
      .positional('action', { choices: actions, describe: 'list when not named' })
      .positional('id', { type: 'string', describe: 'Id or glob; for list also accepted, pending, rejected or denied' })
      .option('all', { type: 'boolean', describe: 'Every key' })
      .options(Object.fromEntries(Object.entries(saltOptions).flatMap(([letter, { name, describe }]) => [
        [name, { alias: letter, type: 'string', requiresArg: true, describe }],
        [`${name}-all`, { alias: [letter.toUpperCase(), `${name}_all`], type: 'boolean', describe: `As salt-key: ${name} for every key` }],
      ])))
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Say nothing but what was asked for' })
      .option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' })
      .option('include-accepted', { alias: 'include_accepted', type: 'boolean', describe: 'reject: accepted keys too' })
      .option('include-denied', { alias: 'include_denied', type: 'boolean', describe: 'accept, reject: denied keys too' })
      .option('include-rejected', { alias: 'include_rejected', type: 'boolean', describe: 'accept: rejected keys too' })
      .option('include-all', { alias: 'include_all', type: 'boolean', describe: 'accept: rejected keys too; reject: accepted keys too' })
      .option('out', { alias: 'output', type: 'string', choices: outputterNames, describe: 'Form of list, finger and print' })
      .option('out-indent', { alias: ['output-indent', 'out_indent'], type: 'number', requiresArg: true, describe: 'Columns per level of json, yaml and pprint' }),
  handler: (args) => run(() => runKey(chosen(args as unknown as Args))),
}

/** The action and the id, whichever way they were named. @throws UsageError when they are not clear */
function chosen(args: Args): Args {
  const named: { action: Action; id?: string; all?: boolean }[] = []
  for (const { action } of Object.values(saltOptions)) {
    const [id, all] = [args[action], args[`${action}All`]]
    if (typeof id === 'string') named.push({ action, id })
    if (all === true) named.push({ action, all })
  }
  // The parser fills in nothing for an action that is not named.
  const given = args.action as Action | undefined
  if (named.length > 1 || (named.length > 0 && given !== undefined)) throw new UsageError('one action at a time: see brine key --help')
  const [option] = named
  if (option?.action === 'list' && option.id !== undefined && stateNamed(option.id) === undefined && !option.id.startsWith('all')) {
    throw new UsageError(`'${option.id}' is not a valid argument to '--list'`)
  }
  const whole = { ...args, ...(option ?? { action: given ?? 'list' }) }
  if (!['list', 'finger'].includes(whole.action) && whole.id === undefined && whole.all !== true) {
    throw new UsageError(`Which key? brine key ${whole.action} ID, or --all\nTry: brine key --help`)
  }
  return whole
}

async function runKey(args: Args): Promise<number> {
  const settings = clientSettingsOf(args)
  const keys = openKeyStore(settings.pki_dir)
  switch (args.action) {
    case 'list':
      return list(keys, args)
    case 'finger':
      return finger(keys, settings, args)
    case 'print':
      return show(keys, args)
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
  const id = args.id?.startsWith('all') === true && args.action === 'list' && args.list !== undefined ? undefined : args.id
  const named = id === undefined ? undefined : stateNamed(id)
  const states = keyStates.filter((state) => named === undefined || named === state)
  const pattern = id !== undefined && named === undefined ? id : '*'
  const found = states.map((state) => ({ state, ids: matching(keys, state, pattern) }))
  if (pattern !== '*' && found.every(({ ids }) => ids.length === 0)) {
    process.stderr.write(`brine: '${pattern}' matches no key, and is none of ${keyStates.join(', ')}\n`)
    return EXIT.failed
  }
  print(shown(Object.fromEntries(found.map(({ state, ids }) => [directories[state], ids])), args))
  return EXIT.ok
}

function finger(keys: KeyStore, settings: MasterSettings, args: Args): number {
  const fingerprint = (pem: string) => pemFingerprint(pem, settings.hash_type)
  const data = membersOf(keys, args, args.id === undefined && args.all !== true ? [] : keyStates, fingerprint)
  if (args.id === undefined) {
    const masterKey = openMasterKey(settings.pki_dir, settings.keysize)
    data['local'] = { 'master.pub': fingerprint(masterKey.publicPem) }
  }
  if (Object.keys(data).length === 0) return nothingMatches(args, keyStates)
  print(shown(data, args))
  return EXIT.ok
}

/** The keys themselves. */
function show(keys: KeyStore, args: Args): number {
  const data = membersOf(keys, args, keyStates, (pem) => pem)
  if (Object.keys(data).length === 0) return nothingMatches(args, keyStates)
  print(shown(data, args).trimEnd())
  return EXIT.ok
}

/** Of each state that has a matching key: id → what `of` makes of the key. */
function membersOf(keys: KeyStore, args: Args, states: readonly KeyState[], of: (pem: string) => string): Record<string, Record<string, string>> {
  const found = states.map((state) => ({ state, ids: matching(keys, state, args.id ?? '*') })).filter(({ ids }) => ids.length > 0)
  return Object.fromEntries(found.map(({ state, ids }) => [directories[state], Object.fromEntries(ids.map((id) => [id, of(keys.read(id, state) ?? '')]))]))
}

function shown(data: ValueObject, args: Args): string {
  return render(data, { wanted: args.out, out: 'key', indent: args.outIndent, palette: paletteOf(args) })
}

async function change(keys: KeyStore, settings: MasterSettings, args: Args, act: KeyChange['act']): Promise<number> {
  const from = statesFor(act, args)
  const found = from.map((state) => ({ state, ids: matching(keys, state, args.id ?? '*') })).filter((each) => each.ids.length > 0)
  const ids = [...new Set(found.flatMap((each) => each.ids))].toSorted()
  if (ids.length === 0) return nothingMatches(args, from)
  const verb = { accept: 'accepted', reject: 'rejected', delete: 'deleted' }[act]
  if (args.quiet !== true || args.yes !== true) {
    print(`The following keys are going to be ${verb}:`)
    print(shown(Object.fromEntries(found.map((each) => [directories[each.state], each.ids])), args))
  }
  const answer = args.yes === true ? 'yes' : await confirmed(act)
  if (answer !== 'yes') return answer === 'no' ? EXIT.ok : EXIT.failed
  for (const id of ids) {
    const taken = await changeOne(keys, settings, { act, id, from })
    if (taken.length > 0 && args.quiet !== true) print(`Key for minion ${id} ${verb}.`)
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
  if (act === 'accept' && (args.includeRejected || args.includeAll)) states.push('rejected')
  if (act === 'reject' && (args.includeAccepted || args.includeAll)) states.push('accepted')
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

function nothingMatches(args: Args, states: readonly KeyState[]): number {
  const names = states.map((state) => (state === 'pending' ? 'unaccepted' : state))
  const last = names.pop() ?? ''
  const text = states.length === keyStates.length ? '' : `${names.length > 0 ? `${names.join(', ')} or ` : ''}${last} `
  process.stderr.write(`The key glob '${args.id ?? '*'}' does not match any ${text}keys.\n`)
  return EXIT.failed
}

/** Enter alone means yes, but for a deletion. */
async function confirmed(act: KeyChange['act']): Promise<'yes' | 'no' | 'interrupted'> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const left = new Promise<'no' | 'interrupted'>((done) => {
    terminal.once('SIGINT', () => {
      process.stdout.write('\nExiting on CTRL-c\n')
      done('interrupted')
    })
    // Standard input that ends without an answer is none.
    terminal.once('close', () => done('no'))
  })
  const asked = terminal.question(act === 'delete' ? 'Proceed? [N/y] ' : 'Proceed? [n/Y] ').then((text): 'yes' | 'no' => {
    const answer = text.trim().toLowerCase()
    return answer.startsWith('y') || (answer === '' && act !== 'delete') ? 'yes' : 'no'
  })
  try {
    return await Promise.race([asked, left])
  } finally {
    terminal.close()
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
