import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'

/** One call that changed a file or its directory, or made a change durable. */
export interface SystemCall {
  call: 'open' | 'write' | 'truncate' | 'sync' | 'unlink' | 'close'
  /** The path it concerns; `socket:[…]` and the like for what is no file. */
  path: string
  /** What the program reported: the text of a write to descriptor 3. */
  report?: string
  /** What was written, and where; -1 is at the end. */
  data: Buffer
  offset: number
  /** The new size, for a truncation. */
  size: number
  failed: boolean
}

/** A traced run: its calls in order, and how it ended. */
export interface Trace {
  calls: SystemCall[]
  /** What it wrote to descriptor 3. */
  reported: string
  exitCode: number | null
  stderr: string
}

const traced = 'openat,pwrite64,write,ftruncate,fdatasync,fsync,unlink,close'

/**
 * Runs a TypeScript program under strace and gives its main thread's calls in their order. Descriptor 3 of the program is
 * a pipe that is read here. `inject`: strace's own fault injection, as `fsync:error=EIO:when=9`.
 * @throws when strace is not installed, or cannot trace.
 */
export async function trace(program: string, args: string[], inject: string[] = []): Promise<Trace> {
  const directory = mkdtempSync(join(tmpdir(), 'trace-'))
  const output = join(directory, 'calls')
  const options = ['-qq', '-xx', '-y', '-s', '33554432', '-e', `trace=${traced}`, '-o', output]
  const child = spawn('strace', [...options, ...inject.flatMap((rule) => ['-e', `inject=${rule}`]), process.execPath, program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  try {
    const [reported, stderr, exitCode] = await Promise.all([readAll(child, 3), readAll(child, 2), ended(child)])
    return { calls: parse(readFileSync(output, 'latin1')), reported, exitCode, stderr }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(new Error('this test needs the program strace: install the package "strace"', { cause })))
    child.on('close', (code) => resolve(code))
  })
}

async function readAll(child: ChildProcess, descriptor: 2 | 3): Promise<string> {
  const stream = child.stdio[descriptor]
  if (!(stream instanceof Readable)) return ''
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('close', () => resolve(Buffer.concat(chunks).toString()))
    stream.on('error', () => resolve(''))
  })
}

const names: Record<string, SystemCall['call']> = {
  openat: 'open', pwrite64: 'write', write: 'write', ftruncate: 'truncate', fdatasync: 'sync', fsync: 'sync', unlink: 'unlink', close: 'close',
}

/** `name(arguments) = result` with every text in hex; `12<path>` names a descriptor. */
function parse(text: string): SystemCall[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line) ?? []
    const call = names[name]
    if (call === undefined) return []
    const [, number = '', descriptor = ''] = /^(\d+)<([^>]*)>/.exec(args) ?? []
    const texts = [...args.matchAll(/"([^"]*)"/g)].map((match) => unhex(match[1] ?? ''))
    const path = (call === 'open' || call === 'unlink' ? texts[0] : unhex(descriptor))?.toString() ?? ''
    const last = Number(/, (-?\d+)$/.exec(args)?.[1] ?? -1)
    return [{
      call, path, failed: result.startsWith('-1'),
      ...(call === 'write' && number === '3' ? { report: texts[0]?.toString() ?? '' } : {}),
      data: call === 'write' ? (texts[0] ?? Buffer.alloc(0)) : Buffer.alloc(0),
      offset: name === 'pwrite64' ? last : -1,
      size: call === 'truncate' ? last : -1,
    }]
  })
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}
