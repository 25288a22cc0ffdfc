/** What a server sent, as text and as values. All of it is another's: sizes are bounded before anything is unfolded or read. */
import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import { readYaml } from '../../../config/yaml-value.ts'
import { fromJson } from '../../wire/from-json.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError } from '../contract.ts'
import { errorText } from '../error-text.ts'
import { readXml } from './xml.ts'

const MIB = 1024 * 1024

/** How a body may be read, and up to how many bytes: reading holds everything else up, so it must be over in a moment. */
const READERS = {
  json: { read: fromJson, limitBytes: 4 * MIB },
  xml: { read: readXml, limitBytes: MIB },
  yaml: { read: readYaml, limitBytes: MIB / 4 },
} as const

type Format = keyof typeof READERS | 'plain'

/**
 * The format of a body: the one that was named, or for `auto` that of its type (none is JSON, as Salt has it). Undefined when there is no
 * such format.
 */
export function formatOf(decodeType: string, contentType: string | undefined): Format | undefined {
  const all: Format[] = ['xml', 'json', 'yaml']
  if (decodeType !== 'auto') return [...all, 'plain' as const].find((format) => format === decodeType)
  return all.find((format) => (contentType ?? 'application/json').includes(format)) ?? 'plain'
}

/** A body as values. @throws CommandExecutionError when it is not what it should be, or too large to be read at once */
export function readBody(text: string | Uint8Array, format: Exclude<Format, 'plain'>): Value {
  const { read, limitBytes } = READERS[format]
  if (text.length > limitBytes) throw new CommandExecutionError(`the body is larger than the ${limitBytes} bytes that are decoded as ${format}`)
  if (typeof text !== 'string') throw new CommandExecutionError(`the body is no UTF-8 text, which ${format} must be`)
  try {
    return read(text)
  } catch (error) {
    throw new CommandExecutionError(`the body cannot be decoded as ${format}: ${errorText(error)}`, { cause: error })
  }
}

/** A body without its Content-Encoding; one of a kind that is not known stays as it is. @throws CommandExecutionError when it is damaged or unfolds beyond the limit (bytes) */
export async function unfolded(body: Buffer, coding: string | undefined, limitBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: limitBytes }
  if (body.length === 0) return body
  try {
    switch ((coding ?? '').trim().toLowerCase()) {
      case 'gzip':
      case 'x-gzip':
        return await promisify(gunzip)(body, options)
      case 'deflate':
        // With a header as the standard has it, or without one as many servers do.
        return await promisify(inflate)(body, options).catch(() => promisify(inflateRaw)(body, options))
      case 'br':
        return await promisify(brotliDecompress)(body, options)
      default:
        return body
    }
  } catch (error) {
    throw new CommandExecutionError(`the body cannot be decompressed (${coding}): ${errorText(error)}`, { cause: error })
  }
}

/** The characters of a text/* with a charset; otherwise with `decodeBody` of UTF-8. What is no such text stays bytes. */
export function textOf(body: Buffer, contentType: string | undefined, decodeBody: boolean): string | Uint8Array {
  const charset = /^\s*text\//i.test(contentType ?? '') ? /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1] : undefined
  if (charset !== undefined) return inCharset(body, charset)
  return decodeBody && isUtf8(body) ? body.toString('utf8') : Uint8Array.from(body)
}

function inCharset(body: Buffer, charset: string): string | Uint8Array {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return Uint8Array.from(body)
  }
}
