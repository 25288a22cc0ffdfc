import { coloured, type Palette, plain } from './nested.ts'

/** True on a terminal, unless the environment says NO_COLOR (no-color.org: any text but the empty one). */
export function mayColour(output: { isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>): boolean {
  return output.isTTY === true && (environment['NO_COLOR'] ?? '') === ''
}

/** Colours as asked for, else where they may be. */
export function choosePalette(args: { noColor?: boolean | undefined; forceColor?: boolean | undefined }, allowed: boolean): Palette {
  if (args.forceColor === true) return coloured
  return args.noColor === true || !allowed ? plain : coloured
}
