/** InfluxDB's line protocol: `measurement,tag=value field="value" nanoseconds`. */

export interface Point {
  measurement: string
  /** One with an empty value is left out: the protocol has none. */
  tags: Record<string, string>
  /** Texts. */
  fields: Record<string, string>
  /** Nanoseconds since the epoch. */
  time: bigint
}

/** One line. Two points of one measurement, with the same tags and time, are one point: the later one counts. */
export function lineOf({ measurement, tags, fields, time }: Point): string {
  const tagged = Object.entries(tags).map(([name, value]) => [name, tagText(value)] as const).filter(([, value]) => value !== '')
  // Sorted, as the server wants them for speed.
  const set = tagged.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([name, value]) => `,${name}=${value.replaceAll(/[,= ]/g, String.raw`\$&`)}`)
  const values = Object.entries(fields).map(([name, value]) => `${name}="${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`)
  return `${measurement}${set.join('')} ${values.join(',')} ${time}`
}

/** A text as a tag can hold it: on one line, and not with a backslash at its end, which would quote what follows. */
export function tagText(value: string): string {
  return value.replaceAll(/\p{Cc}/gu, ' ').replace(/\\+$/, '').toWellFormed()
}
