import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { type Import, importsOf, readFiles, ROOMS } from './source.ts'

const files = readFiles(ROOMS, /\.m?ts$/)
const imports = importsOf(files)
const ours = imports.filter((found) => found.own)

/** What every room of the agent may know: where it runs, the time, the log, how masters are named, and which of a site's files may be loaded. */
const COMMON = ['agent/clock.ts', 'agent/log.ts', 'agent/master-id.ts', 'agent/entry-points.ts', 'agent/site-file.ts']

/** Room → what it may import besides itself (docs/architecture.md, "Who may know whom"). The first row that fits a file counts. */
const MAY_KNOW: readonly [room: string, allowed: readonly string[]][] = [
  ['agent/wire/', []],
  ['agent/transport/', ['agent/clock.ts', 'agent/log.ts', 'agent/entry-points.ts']],
  ['agent/keys/', ['agent/wire/']],
  ['agent/link/', [...COMMON, 'agent/wire/', 'agent/keys/', 'agent/transport/port.ts']],
  ['agent/outbox/', ['agent/clock.ts', 'agent/log.ts']],
  ['agent/delivery/', [...COMMON, 'agent/wire/', 'agent/outbox/port.ts', 'agent/link/port.ts']],
  ['agent/matchers/', ['agent/wire/']],
  // Salt's file server: the embedded master serves it, and a minion with `file_client: local` asks it in its own process.
  ['agent/fileserver/', ['agent/wire/', 'agent/matchers/']],
  // YAML is read in one way, for files, arguments and grains alike: config/ has it.
  ['agent/grains/', [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/keys/atomic-file.ts', 'agent/outputters/yaml.ts', 'config/yaml.ts', 'config/yaml-value.ts']],
  // The file client throws the errors that functions throw, and reads a server's answers with its own hash.
  ['agent/files/', [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/fileserver/', 'agent/modules/contract.ts', 'agent/modules/error-text.ts']],
  ['agent/modules/', [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/files/port.ts', 'agent/outputters/yaml.ts', 'config/yaml-value.ts']],
  [
    'agent/jobs/',
    [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/modules/', 'agent/outbox/port.ts', 'agent/delivery/port.ts', 'config/yaml-argument.ts'],
  ],
  // The schedule keeps its changes in a file of the configuration; it starts jobs through a function that it is given.
  [
    'agent/schedule/',
    [
      ...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/modules/contract.ts', 'agent/modules/schedule-control.ts', 'agent/keys/atomic-file.ts',
      'agent/outputters/yaml.ts', 'config/',
    ],
  ],
  ['agent/events/', [...COMMON, 'agent/wire/', 'agent/delivery/', 'agent/link/port.ts', 'agent/outbox/port.ts']],
  // Salt's pillar compiler: the embedded master asks it for its minions, and a minion without a master in its own process.
  ['agent/pillar-roots/', [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/modules/error-text.ts', 'config/yaml.ts', 'config/yaml-value.ts']],
  ['agent/pillar/', [...COMMON, 'agent/wire/', 'agent/link/port.ts', 'agent/pillar-roots/']],
  [
    'agent/returner-host/',
    [...COMMON, 'agent/wire/', 'agent/matchers/', 'agent/outbox/port.ts', 'agent/delivery/port.ts', 'config/', 'returners/contract.ts', 'returners/registry.ts', 'returners/lib/'],
  ],
  // How results are shown, to the master's commands and to `brine call`.
  ['agent/outputters/', ['agent/wire/', 'config/yaml-scalars.ts']],
  ['agent/control/', [...COMMON, 'agent/wire/', 'agent/outbox/port.ts', 'agent/delivery/port.ts']],
  ['agent/cli/', ['agent/', 'config/']],
  // What joins the rooms.
  ['agent/', ['agent/', 'config/']],
  // Typed arguments are values of the wire.
  ['config/', ['agent/wire/value.ts', 'agent/wire/jid.ts']],
  // The codec is the wire's, which knows nothing of ours.
  ['returners/lib/msgpack.ts', ['agent/wire/', 'returners/contract.ts']],
  ['returners/lib/', ['returners/contract.ts']],
  ['returners/contract.ts', ['returners/lib/']],
  ['returners/testing.ts', ['returners/contract.ts', 'returners/lib/']],
  ['returners/registry.ts', ['returners/']],
  // A returner; `returners/<name>/` itself is added below.
  ['returners/', ['returners/contract.ts', 'returners/lib/']],
  ['master/', [...COMMON, 'agent/pino-log.ts', 'agent/wire/', 'agent/transport/', 'agent/matchers/', 'agent/fileserver/', 'agent/pillar-roots/', 'agent/outputters/', 'agent/returner-host/secrets.ts', 'config/', 'returners/']],
  ['bin/', ['agent/cli/', 'agent/entry-points.ts', 'master/cli/']],
  ['scripts/', ['agent/', 'bin/', 'config/', 'master/', 'returners/', 'test/']],
  ['test/', ['']],
]

/** Package → the files that may import it. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  pg: ['returners/lib/pg/'],
  'better-sqlite3': ['agent/outbox/', 'returners/sqlite3/'],
  ws: ['agent/transport/ws.ts', 'master/server/ws.ts'],
  zeromq: ['agent/transport/zeromq.ts', 'agent/transport/zeromq-requests.ts', 'agent/transport/zeromq-socket.ts'],
  yargs: ['bin/', 'agent/cli/', 'master/cli/'],
  pino: ['agent/pino-log.ts'],
  '@rgrove/parse-xml': ['agent/modules/http/xml.ts'],
  'node:child_process': ['agent/jobs/process-runner.ts', 'agent/returner-host/child-process.ts', 'returners/lib/program.ts'],
  'node:worker_threads': [],
}

/** Optional peer dependencies: a site installs what it uses. */
const OPTIONAL = Object.keys((JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { peerDependencies: Record<string, string> }).peerDependencies)

/** `agent/link/` for `agent/link/link.ts`. */
function folderOf(path: string): string {
  return path.split('/').slice(0, 2).join('/') + (path.split('/').length > 2 ? '/' : '')
}

function isAllowed({ from, target }: Import): boolean {
  const [room, allowed] = MAY_KNOW.find(([prefix]) => from.startsWith(prefix)) ?? ['', []]
  const self = room === 'returners/' ? folderOf(from) : room
  return target.startsWith(self) || allowed.some((prefix) => target.startsWith(prefix))
}

const shown = ({ from, target }: Import): string => `${from} → ${target}`

describe('who may know whom', () => {
  test('the check sees the code', () => {
    expect(ours.length).toBeGreaterThan(300)
    expect(imports).toContainEqual({ from: 'bin/commands.mts', target: 'agent/cli/minion.ts', own: true, fixed: false })
    expect(imports).toContainEqual({ from: 'agent/pino-log.ts', target: 'agent/log.ts', own: true, fixed: true })
  })

  test.each(MAY_KNOW.map(([room, allowed]) => ({ room, allowed: allowed.join(' ') })))('$room knows only itself and: $allowed', ({ room }) => {
    const inRoom = ours.filter(({ from }) => MAY_KNOW.find(([prefix]) => from.startsWith(prefix))?.[0] === room)

    expect(inRoom.filter((found) => !isAllowed(found)).map(shown)).toEqual([])
  })

  test('a forbidden import would be found', () => {
    const forbidden: Import[] = [
      { from: 'agent/outbox/outbox.ts', target: 'agent/wire/msgpack.ts', own: true, fixed: true },
      { from: 'returners/http/index.ts', target: 'returners/exec/index.ts', own: true, fixed: true },
      { from: 'agent/minion.ts', target: 'master/jid.ts', own: true, fixed: true },
      { from: 'agent/wire/json.ts', target: 'test/helpers/until.ts', own: true, fixed: true },
    ]

    expect(forbidden.filter(isAllowed)).toEqual([])
  })

  test('every file stands in a room of the table', () => {
    expect(files.map((file) => file.path).filter((path) => !MAY_KNOW.some(([prefix]) => path.startsWith(prefix)))).toEqual([])
  })

  test('every import of ours names a file that is there', () => {
    const known = new Set(files.map((file) => file.path))
    const strange = ours.filter(({ from, target }) => !from.startsWith('test/') && !known.has(target))

    expect(strange.map(shown)).toEqual([])
  })
})

describe('single owners', () => {
  test.each(Object.entries(OWNERS))('%s belongs to %j', (name, owners) => {
    const others = imports.filter(({ from, target }) => target === name && !/^(test|scripts)\//.test(from) && !owners.some((owner) => from.startsWith(owner)))

    expect(others.map(shown)).toEqual([])
  })

  test('returners load their drivers themselves; the rest imports only the declared dependencies', () => {
    const declared = new Set(['@rgrove/parse-xml', 'better-sqlite3', 'pino', 'ws', 'yaml', 'yargs', 'zod', ...OPTIONAL])
    const others = imports.filter(({ from, target, own }) => !own && !/^(test|scripts)\//.test(from) && !target.startsWith('node:') && !declared.has(target))

    expect(others.map(shown)).toEqual([])
  })

  test.each(OPTIONAL)('%s is loaded when it is chosen, never with the program', (name) => {
    const eager = new RegExp(`^import (?!type\\b)[^\n]* from '${name}'`, 'm')

    expect(files.filter(({ path, text }) => !/^(test|scripts)\//.test(path) && eager.test(text)).map(({ path }) => path)).toEqual([])
    expect(eager.test(`import { Dealer } from '${name}'`)).toBe(true)
  })
})

test('no imports run in circles', () => {
  const graph = new Map<string, string[]>()
  for (const { from, target, fixed } of ours) if (fixed) graph.set(from, [...(graph.get(from) ?? []), target])

  expect(findCircle(graph)).toBeUndefined()
  expect(findCircle(new Map([['a', ['b']], ['b', ['c']], ['c', ['a']]]))).toEqual(['a', 'b', 'c', 'a'])
})

/** A path that returns to where it began; undefined when there is none. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (at: string, path: string[]): string[] | undefined => {
    if (path.includes(at)) return [...path.slice(path.indexOf(at)), at]
    if (done.has(at)) return undefined
    for (const next of graph.get(at) ?? []) {
      const circle = visit(next, [...path, at])
      if (circle !== undefined) return circle
    }
    done.add(at)
    return undefined
  }
  for (const start of graph.keys()) {
    const circle = visit(start, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
