/** Listening on the master's ports, with failures that name the option to change. */
import { errorCode, errorText } from '../returners/lib/error-code.ts'

/** A port cannot be listened on. */
export class ListenError extends Error {
  /** sysexits.h EX_UNAVAILABLE or EX_NOPERM. */
  readonly exitCode: number
  override name = 'ListenError'
  constructor(message: string, exitCode: number, options: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Where a server is to listen, and the option that says so. */
export interface Listening {
  option: 'publish_port' | 'ret_port'
  port: number
  host: string
}

/** Lets a server listen. @throws ListenError that says what to do */
export async function listenOn(server: { listen(): Promise<number> }, { option, port, host }: Listening): Promise<number> {
  try {
    return await server.listen()
  } catch (error) {
    const place = `${option} ${port} on ${host}`
    switch (errorCode(error)) {
      case 'EADDRINUSE':
        throw new ListenError(`${place} is in use by another program, perhaps another master: stop that one, or set ${option} to another port`, 69, { cause: error })
      case 'EACCES':
        throw new ListenError(`${place}: this user may not listen there; set ${option} to a port from 1024 on, or start the master as root`, 77, { cause: error })
      default:
        throw new ListenError(`${place}: ${errorText(error)}; check the options interface and ${option}`, 69, { cause: error })
    }
  }
}
