import { readFile } from 'node:fs/promises'
import { z } from '../contract.ts'
import { fileError } from './file-error.ts'

const path = z.string().startsWith('/', { error: 'expected an absolute path' })

/** Files of TLS, as options of a returner. */
export const tlsFileOptions = {
  ca: path.optional().describe('File of the certificate authorities to trust instead of the built-in ones, PEM.'),
  cert: path.optional().describe('File of the client certificate, PEM.'),
  key: path.optional().describe("File of the client certificate's key, PEM."),
}

/** Whether the server's certificate is looked at, as an option of a returner. */
export const verifyOption = z.boolean().default(true).describe("Whether the server's certificate is verified.")

export interface TlsFiles {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
  /** Whether the server's certificate is verified. */
  verify: boolean
}

/** What Node's `tls.connect` takes. */
export interface TlsMaterial {
  ca?: Buffer
  cert?: Buffer
  key?: Buffer
  rejectUnauthorized: boolean
}

/**
 * Reads the files, for `tls.connect` and the drivers that pass it on.
 *
 * @throws OperatorError when one cannot be read
 */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const tls: TlsMaterial = { rejectUnauthorized: files.verify }
  for (const name of ['ca', 'cert', 'key'] as const) {
    const file = files[name]
    if (file !== undefined) tls[name] = await readPem(file)
  }
  return tls
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw fileError(file, error)
  }
}
