/** A file client on a file server of its own, as a job has it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createFileClient } from '../../../agent/files/client.ts'
import type { FileClient } from '../../../agent/files/port.ts'
import { createFileServer } from '../../../agent/fileserver/file-server.ts'
import type { Logger } from '../../../agent/log.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'

export interface FileBench {
  root: string
  cachedir: string
  /** Writes a file of the file server's base environment (or `dev/…` under `envs`). */
  serve(path: string, content: string | Buffer, saltenv?: string): void
  /** The requests so far, by their `cmd`. */
  asked: string[]
  client(signal?: AbortSignal, more?: { leastFreeBytes?: number }): FileClient
  close(): void
}

const silent: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

/** `answer` may change what the server says. */
export function createFileBench(answer?: (load: ValueObject, given: Value) => Value | Promise<Value>): FileBench {
  const root = mkdtempSync(join(tmpdir(), 'brine-files-'))
  const cachedir = join(root, 'cache')
  const roots = { base: [join(root, 'base')], dev: [join(root, 'dev')] }
  const server = createFileServer({ roots, ignoreGlob: [], ignoreRegex: [], bufferSize: 1024, hashType: 'sha256', followSymlinks: true, ignoreSymlinks: false })
  const asked: string[] = []
  return {
    root,
    cachedir,
    asked,
    serve(path, content, saltenv = 'base') {
      const file = join(root, saltenv, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content)
    },
    client: (signal = new AbortController().signal, more = {}) =>
      createFileClient({
        minionId: 'web1', cachedir, hashType: 'sha256', bufferSize: 1000, signal, log: silent, ...more,
        async ask(load) {
          asked.push(typeof load['cmd'] === 'string' ? load['cmd'] : '')
          const given = (await server(load)) ?? {}
          return answer === undefined ? given : answer(load, given)
        },
      }),
    close: () => rmSync(root, { recursive: true, force: true }),
  }
}
