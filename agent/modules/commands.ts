/** A program to start: what a module says. Where it runs and how it is ended is the job's process runner's matter. */
export interface CommandRequest {
  /** Program, a path or a name in PATH, and its arguments. No shell is between. */
  file: string
  args: string[]
  cwd: string
  env: Readonly<Record<string, string>>
  /** Standard input; nothing (an empty input) when absent. */
  stdin?: string
  /** After this many milliseconds the whole process tree is ended. */
  timeoutMs?: number
  /** Bytes kept of each output stream; the rest is read and counted. */
  outputLimitBytes: number
}

/** What was kept of one output stream. */
export interface Captured {
  bytes: Buffer
  /** All that was written. */
  totalBytes: number
}

export interface CommandResult {
  pid: number
  /** Exit code; minus the signal's number when a signal ended it, as in Python. */
  retcode: number
  timedOut: boolean
  stdout: Captured
  stderr: Captured
}

/** The program could not be started. `code`: the system's name for why, for example ENOENT. */
export class SpawnError extends Error {
  readonly code: string
  override name = 'SpawnError'
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
