/** The command's exit codes (sysexits.h). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  unavailable: 69,
  software: 70,
  noPermission: 77,
  config: 78,
} as const

/** A failure that a person can act on: one line and its exit code, no stack. Any error with an `exitCode` is treated so. */
export class CliError extends Error {
  readonly exitCode: number
  override name = 'CliError'
  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
