import { Agent as PlainAgent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'

/**
 * Connections that are kept open between requests, with TLS where the URL wants it.
 *
 * @throws OperatorError when a file of TLS cannot be read
 */
export async function openAgent(url: URL, files: TlsFiles): Promise<TlsAgent> {
  if (url.protocol !== 'https:') return new PlainAgent({ keepAlive: true }) as TlsAgent
  return new TlsAgent({ keepAlive: true, ...await readTlsFiles(files) })
}
