import { appendFileSync, closeSync, openSync } from 'node:fs'
import { errorText } from '../../returners/lib/error-code.ts'

/** The file of `--out-file` cannot be written. */
class OutputFileError extends Error {
  readonly exitCode = 1
  override name = 'OutputFileError'
}

/**
 * Opens the file that returns go to, before anything is published; without `append` what was in it is gone. Gives the function that
 * writes.
 *
 * @throws OutputFileError
 */
export function openOutputFile(path: string, append: boolean): (text: string) => void {
  const attempt = (write: () => void) => {
    try {
      write()
    } catch (error) {
      throw new OutputFileError(`--out-file ${path} cannot be written: ${errorText(error)}`, { cause: error })
    }
  }
  attempt(() => closeSync(openSync(path, append ? 'a' : 'w')))
  return (text) => attempt(() => appendFileSync(path, text))
}
