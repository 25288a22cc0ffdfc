import type { ReturnItem, SaltEvent } from '../contract.ts'
import { indentedJson, memberText } from '../lib/json-text.ts'
import type { Values } from './template.ts'

/** The fields of a return, and `ret`, the whole as JSON. Numbers stand as they do in the JSON: exact. */
export function valuesOfReturn({ ret, json }: ReturnItem): Values {
  return valuesOf(ret, json, { ret: json })
}

/** What an event holds; where it has no such fields of its own, `tag`, `data`, and `ret`, the whole as JSON. */
export function valuesOfEvent(event: SaltEvent): Values {
  const data = JSON.stringify(event.data)
  return valuesOf(event.data, data, { tag: event.tag, data: indentedJson(data), ret: JSON.stringify(event) })
}

function valuesOf(fields: object, json: string, more: Readonly<Record<string, string>>): Values {
  return ([name = '', ...steps]) => {
    if (!Object.hasOwn(fields, name)) return steps.length === 0 && Object.hasOwn(more, name) ? more[name] ?? '' : ''
    return steps.length === 0 ? textOf(memberText(json, name)) : textOf(JSON.stringify(valueAt(fields, [name, ...steps])))
  }
}

function valueAt(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
  return valueAt((value as Record<string, unknown>)[step], rest)
}

const WORDS: Readonly<Record<string, string>> = { true: 'True', false: 'False', null: 'None' }

/** Text as it is, the three words as Jinja writes them, numbers as JSON, lists and maps as JSON that people can read; what is not there is empty. */
function textOf(json: string | undefined): string {
  if (json === undefined) return ''
  if (json.startsWith('"')) return String(JSON.parse(json))
  return WORDS[json] ?? indentedJson(json)
}
