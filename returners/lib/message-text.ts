import type { ReturnRecord } from '../contract.ts'

/** A key as a header, a message id or the like may hold it: minion ids and jids are other people's text. */
export function headerText(key: string): string {
  return encodeURI(key.toWellFormed())
}

/** The fields of a return that may stand in the name of a subject, a topic or a routing key. */
const NAMED = /\{(id|fun|jid)\}/g

/**
 * Fills `{id}`, `{fun}` and `{jid}` in the pattern of a subject, topic or routing key.
 *
 * @param unfit characters that would make another word or a wildcard of a field; each becomes `_`
 */
export function fillName(pattern: string, ret: ReturnRecord, unfit: RegExp): string {
  return pattern.replaceAll(NAMED, (_all, field: 'id' | 'fun' | 'jid') => fieldText(ret, field).replaceAll(unfit, '_'))
}

/** The pattern with each field replaced: by the wildcard of what listens. */
export function wildName(pattern: string, wildcard: string): string {
  return pattern.replaceAll(NAMED, wildcard)
}

/** A job of several functions is called `multiple`; an empty field `_`, for an empty word is none. */
function fieldText(ret: ReturnRecord, field: 'id' | 'fun' | 'jid'): string {
  const value = ret[field]
  const text = Array.isArray(value) ? 'multiple' : value
  return text === '' ? '_' : text.toWellFormed()
}
