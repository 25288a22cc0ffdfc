/** The requests that a file server answers, with answers that were checked: they come from the network. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { CommandExecutionError } from '../modules/contract.ts'
import { errorText } from '../modules/error-text.ts'
import { get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { ListForm } from './port.ts'

/** Asks the master, or the local file server. */
export type Ask = (load: ValueObject) => Promise<Value>

export interface FileHash {
  type: string
  sum: string
}

/** One part of a file. */
export interface FilePart {
  bytes: Buffer
  /** The path under its root as the server has it; '' when the file is not there. */
  dest: string
}

/** The questions of the file client. Each rejects with a CommandExecutionError when it is not answered, or not sensibly. */
export interface ServerRequests {
  /** Undefined when the file is not there. */
  hash(path: string, saltenv: string): Promise<FileHash | undefined>
  stat(path: string, saltenv: string): Promise<Value[] | null>
  part(path: string, saltenv: string, position: number, gzip: number | undefined): Promise<FilePart>
  list(form: ListForm, saltenv: string, prefix: string): Promise<string[]>
  links(saltenv: string, prefix: string): Promise<Value>
  envs(): Promise<string[]>
  /** True when the master took the part. */
  receive(load: ValueObject): Promise<boolean>
}

const listCommands = { files: '_file_list', dirs: '_dir_list', emptyDirs: '_file_list_emptydirs' } as const satisfies Record<ListForm, string>
const unpack = promisify(gunzip)
/** Largest part after it was unpacked: a few kilobytes could otherwise become any size. */
const maxPartBytes = 64 * 1024 * 1024

/** The questions over one way to ask. */
export function createServerRequests(ask: Ask): ServerRequests {
  async function request(cmd: string, load: ValueObject): Promise<Value> {
    try {
      return await ask({ cmd, ...load })
    } catch (error) {
      if (error instanceof CommandExecutionError) throw error
      throw new CommandExecutionError(`the file server did not answer ${cmd}: ${errorText(error)}`, { cause: error })
    }
  }

  return {
    async hash(path, saltenv) {
      const answer = await request('_file_hash', { path, saltenv })
      const [type, sum] = [get(answer, 'hash_type'), get(answer, 'hsum')]
      return typeof type === 'string' && typeof sum === 'string' ? { type, sum } : undefined
    },
    async stat(path, saltenv) {
      const found = get(await request('_file_find', { path, saltenv }), 'stat')
      return Array.isArray(found) ? found : null
    },
    async part(path, saltenv, position, gzip) {
      const answer = await request('_serve_file', { path, saltenv, loc: position, ...(gzip !== undefined && { gzip }) })
      const [dest, data] = [get(answer, 'dest'), bytesOf(get(answer, 'data'))]
      if (data === undefined || typeof dest !== 'string') throw strange('_serve_file')
      return { bytes: get(answer, 'gzip') === undefined || data.length === 0 ? data : await unpack(data, { maxOutputLength: maxPartBytes }), dest }
    },
    async list(form, saltenv, prefix) {
      return textsOf(await request(listCommands[form], { saltenv, prefix }), listCommands[form])
    },
    async links(saltenv, prefix) {
      const answer = await request('_symlink_list', { saltenv, prefix })
      if (!isMap(answer)) throw strange('_symlink_list')
      return answer
    },
    async envs() {
      return textsOf(await request('_file_envs', {}), '_file_envs')
    },
    async receive(load) {
      return (await request('_file_recv', load)) === true
    },
  }
}

/** Bytes that happen to be UTF-8 arrive as text. */
function bytesOf(data: Value | undefined): Buffer | undefined {
  if (typeof data === 'string') return Buffer.from(data)
  return data instanceof Uint8Array ? Buffer.from(data) : undefined
}

/** A name that is no UTF-8 cannot be asked for again: it is left out. */
function textsOf(answer: Value, cmd: string): string[] {
  if (!Array.isArray(answer)) throw strange(cmd)
  return answer.filter((item) => typeof item === 'string')
}

function strange(cmd: string): CommandExecutionError {
  return new CommandExecutionError(`the file server's answer to ${cmd} makes no sense`)
}
