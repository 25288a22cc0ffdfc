/** Says how a page came to be. */
export const GENERATED = '<!-- Written by `npm run docs` from the code: do not edit. -->'

/** A text in a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ').replaceAll('<', '&lt;')
}
