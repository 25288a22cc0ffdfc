/** The file client as the configuration wants it: of the master, or of this host's own directories. Imported when first used. */
import type { MinionConfig } from '../../config/schema.ts'
import type { Clock } from '../clock.ts'
import type { FileClient } from '../files/port.ts'
import type { FileServer } from '../fileserver/file-server.ts'
import type { Logger } from '../log.ts'
import type { MasterAccess } from '../modules/services.ts'

/** Gives a file client for a job; `master`: whom to ask, unless `file_client` is local. */
export type MinionFiles = (master: MasterAccess, signal: AbortSignal) => Promise<FileClient>

/** Makes nothing until a function needs a file. */
export function createMinionFiles(config: MinionConfig, clock: Clock, log: Logger): MinionFiles {
  let local: FileServer | undefined
  let swept = false

  async function localServer(): Promise<FileServer> {
    const { createFileServer } = await import('../fileserver/file-server.ts')
    local ??= createFileServer({
      roots: config.file_roots,
      ignoreGlob: config.file_ignore_glob,
      ignoreRegex: config.file_ignore_regex,
      bufferSize: config.file_buffer_size,
      hashType: config.hash_type,
      followSymlinks: config.fileserver_followsymlinks,
      ignoreSymlinks: config.fileserver_ignoresymlinks,
    })
    return local
  }

  return async (master, signal) => {
    const { createFileClient } = await import('../files/client.ts')
    if (!swept) {
      swept = true
      const { sweepTemporary } = await import('../files/download.ts')
      await sweepTemporary(config.cachedir, clock.now())
    }
    const server = config.file_client === 'local' ? await localServer() : undefined
    return createFileClient({
      minionId: config.id,
      cachedir: config.cachedir,
      hashType: config.hash_type,
      bufferSize: config.file_buffer_size,
      // Salt's own answer to a command that a local file server does not have.
      ask: server === undefined ? (load) => master.request(load, { signal }) : async (load) => (await server(load)) ?? {},
      signal,
      log,
    })
  }
}
