import type { IClientPublishOptions } from 'mqtt'
import type { ReturnItem } from '../contract.ts'
import { fillName, headerText } from '../lib/message-text.ts'
import type { Options } from './options.ts'

/** A return as a message. */
export interface Message {
  topic: string
  payload: string
  properties: NonNullable<IClientPublishOptions['properties']>
  /** What its packet takes on the wire. */
  bytes: number
}

const CONTENT_TYPE = 'application/json'
/** What would begin another level, be a wildcard or a server's own topic, or make a server hang up. */
const UNFIT = /[/+#$\s\p{Cc}\p{Noncharacter_Code_Point}]/gu

/** The message of a return: its key and whose it is in user properties, so that a reader can tell what it has had. */
export function messageOf({ key, ret, json }: ReturnItem, { topic: pattern, message_expiry: expiry }: Options): Message {
  const topic = fillName(pattern, ret, UNFIT)
  const userProperties = { key: headerText(key), jid: headerText(ret.jid), id: headerText(ret.id) }
  const properties = { payloadFormatIndicator: true, contentType: CONTENT_TYPE, userProperties, ...(expiry !== undefined && { messageExpiryInterval: expiry }) }
  const users = Object.entries(userProperties).reduce((sum, [name, value]) => sum + 1 + textBytes(name) + textBytes(value), 0)
  const inside = 2 + 1 + textBytes(CONTENT_TYPE) + users + (expiry === undefined ? 0 : 5)
  const rest = textBytes(topic) + 2 + lengthBytes(inside) + inside + Buffer.byteLength(json)
  return { topic, payload: json, properties, bytes: 1 + lengthBytes(rest) + rest }
}

/** Of a text with its length before it. */
function textBytes(text: string): number {
  return 2 + Buffer.byteLength(text)
}

/** Of a length in MQTT's own notation, seven bits in a byte. */
function lengthBytes(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x40_00) return 2
  return length < 0x20_00_00 ? 3 : 4
}
