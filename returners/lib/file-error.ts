import { OperatorError } from '../contract.ts'
import { errorCode, errorText } from './error-code.ts'

/** What only a person can mend. A full disk is not among them: space comes back. */
const operatorCodes = new Set(['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'])

/** The error to throw for a failed file operation: `OperatorError` for paths and permissions, else one that is retried. */
export function fileError(path: string, error: unknown): Error {
  const message = `${path}: ${errorText(error)}`
  return operatorCodes.has(errorCode(error)) ? new OperatorError(message, { cause: error }) : new Error(message, { cause: error })
}
