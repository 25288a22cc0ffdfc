/** XML as maps, in the shape of Salt's (utils/xmlutil.py, without attributes). */
import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml'
import { mapOf } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'

/**
 * The elements under the root of an XML text, each as a map. Entities of its own and references to elsewhere are not followed.
 *
 * @throws Error when the text is no XML
 */
export function readXml(text: string): Value[] {
  const { root } = parseXml(text)
  return root === null ? [] : elementsOf(root).map(mapOfElement)
}

function elementsOf(element: XmlElement): XmlElement[] {
  return element.children.filter((child): child is XmlElement => child instanceof XmlElement)
}

/** An element without elements in it is {name: text}; else {name of each: its text, or its map}, and what comes again makes a list. */
function mapOfElement(element: XmlElement): Value {
  const inner = elementsOf(element)
  if (inner.length === 0) return mapOf([[localName(element), textOf(element)]])
  const members = new Map<Value, Value>()
  for (const item of inner) {
    const name = localName(item)
    const before = members.get(name)
    if (before === undefined) members.set(name, elementsOf(item).length === 0 ? textOf(item) : mapOfElement(item))
    else if (Array.isArray(before)) before.push(mapOfElement(item))
    else members.set(name, [before, mapOfElement(item)])
  }
  return mapOf([...members])
}

function textOf(element: XmlElement): string | null {
  const text = element.children.map((child) => (child instanceof XmlText ? child.text : '')).join('')
  return text === '' ? null : text
}

/** The name without the prefix of its namespace. */
function localName({ name }: XmlElement): string {
  return name.slice(name.indexOf(':') + 1)
}
