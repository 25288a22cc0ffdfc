import { readFile } from 'node:fs/promises'
import { Agent as PlainAgent } from 'node:http'
import { Agent as TlsAgent, type AgentOptions } from 'node:https'
import { z } from '../contract.ts'
import { fileError } from './file-error.ts'

const path = z.string().startsWith('/', { error: 'expected an absolute path' })

/** Files of TLS, as options of a returner. */
export const tlsFileOptions = {
  ca: path.optional().describe('File of the certificate authorities to trust instead of the built-in ones, PEM.'),
  cert: path.optional().describe('File of the client certificate, PEM.'),
  key: path.optional().describe("File of the client certificate's key, PEM."),
}

export interface TlsFiles {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
  /** Whether the server's certificate is verified. */
  verify: boolean
}

/**
 * Connections that are kept open between requests, with TLS where the URL wants it.
 *
 * @throws OperatorError when a file of TLS cannot be read
 */
export async function openAgent(url: URL, files: TlsFiles): Promise<TlsAgent> {
  if (url.protocol !== 'https:') return new PlainAgent({ keepAlive: true }) as TlsAgent
  const tls: AgentOptions = { keepAlive: true, rejectUnauthorized: files.verify }
  if (files.ca !== undefined) tls.ca = await readPem(files.ca)
  if (files.cert !== undefined) tls.cert = await readPem(files.cert)
  if (files.key !== undefined) tls.key = await readPem(files.key)
  return new TlsAgent(tls)
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw fileError(file, error)
  }
}
