import { errorCode, errorText } from './error-code.ts'

/** Of a certificate that does not convince us, of a server that does not speak TLS, of a host that does not exist: someone must act. */
const operatorCode = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|HOSTNAME_MISMATCH|ERR_SSL_|ENOTFOUND$|EACCES$|ENOENT$)/
const operatorText = /wrong version number|certificate|does not support SSL|does not support secure connection/i

/** What a failure to connect calls for: `operator`, or plainly another attempt. Written for the errors of Node and of drivers that pass them on. */
export function networkFault(error: unknown): 'operator' | 'retry' {
  return operatorCode.test(errorCode(error)) || operatorText.test(errorText(error)) ? 'operator' : 'retry'
}
