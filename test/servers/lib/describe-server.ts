import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram, PROGRAMS, type ProgramName } from './programs.ts'
import type { Server } from './server.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** A row of the table that ends `npm run test:servers`: its file counts for it. */
    serverRow?: ServerRow
  }
}

/** What a file of test/servers is about. */
export interface ServerRow {
  returner: string
  /** With its version; or, of a server that is ours, what it stands for. */
  server: string
  /** Why nothing ran. */
  missing?: string
}

type Stoppable = Pick<Server, 'stop'> & { title?: string }

export interface ServerSubject<Kind> {
  returner: string
  /** The program it needs of the machine; null for a small strict server of ours, for a target that Debian has no package of. */
  program: ProgramName | null
  /** Of a server of ours: what it stands for, as the table says it: `a strict HEC of ours, in place of Splunk`. */
  title?: string
  /** What else is missing, so that nothing can run. */
  missing?: string | undefined
  start(): Promise<Kind>
}

/**
 * Registers the tests of one returner against one running server, started before them and stopped after them. Without the program nothing
 * runs, and the table says so.
 *
 * @param body gets the server as a function, since it is there only when tests run.
 */
export function describeServer<Kind extends Stoppable>(subject: ServerSubject<Kind>, body: (server: () => Kind) => void): void {
  const { returner, program } = subject
  const name = subject.title ?? (program === null ? 'a server of ours' : PROGRAMS[program].title)
  const absent = program !== null && findProgram(program) === null ? `no ${PROGRAMS[program].file} on this machine: scripts/servers --install` : undefined
  const missing = absent ?? subject.missing
  describe(`${returner} on ${name}`, () => (missing === undefined ? testsOn(subject, name, body) : absence({ returner, server: name, missing })))
}

function absence(row: ServerRow & { missing: string }): void {
  test('is not here', ({ task, skip }) => {
    task.meta.serverRow = row
    skip(row.missing)
  })
}

function testsOn<Kind extends Stoppable>({ returner, title, start }: ServerSubject<Kind>, name: string, body: (server: () => Kind) => void): void {
  let running: Kind | undefined
  const server = () => {
    if (running === undefined) throw new Error(`${name} has not started`)
    return running
  }
  beforeAll(async () => {
    running = await start()
  }, 90_000)
  afterAll(() => running?.stop(), 30_000)

  test('is up', ({ task }) => {
    task.meta.serverRow = { returner, server: title ?? server().title ?? name }
    expect(running).toBeDefined()
  })
  body(server)
}
