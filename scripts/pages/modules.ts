import { builtinModules } from '../../agent/modules/builtins.ts'
import { describeModule, type FunctionDescription, type ParamDescription } from '../../agent/modules/description.ts'
import { yamlScalar } from '../../config/sample.ts'
import { GENERATED } from './markdown.ts'

/** docs/modules.md: every function of the built-in modules with its arguments and its documentation. */
export async function modulesPage(): Promise<string> {
  const modules = await Promise.all(Object.entries(builtinModules).map(async ([, load]) => describeModule(await load(), true)))
  const sorted = modules.toSorted((one, other) => compare(one.name, other.name))
  return [
    '# Modules',
    GENERATED,
    `The execution modules that come with Brine, under Salt's names. \`brine call sys.doc cmd.run\` shows the same on a host; \`sys.list_functions\` lists what
there is there, a site's own among them. An argument without \`=\` is required; \`*args\` and \`**kwargs\` stand for any more. What differs from Salt is listed in
[salt-compatibility.md](salt-compatibility.md).`,
    sorted.map(({ name, functions }) => `[\`${name}\`](#${name}) (${functions.length})`).join(' · '),
    ...sorted.flatMap(({ name, functions }) => [
      `## ${name}`,
      ...functions.toSorted((one, other) => compare(one.name, other.name)).flatMap((one) => [`### ${name}.${one.name}`, `\`\`\`\n${signature(one)}\n\`\`\``, textOf(one.doc)]),
    ]),
    '',
  ].join('\n\n')
}

const WIDTH = 100

/** `cmd.run cmd [cwd=null] …`, in lines that fit. */
function signature({ module, name, params, rest, kwargs }: FunctionDescription): string {
  const words = [...params.map(argument), ...(rest === null ? [] : [`*${rest}`]), ...(kwargs === null ? [] : [`**${kwargs}`])]
  const lines = [`${module}.${name}`]
  for (const word of words) {
    const line = lines.at(-1) ?? ''
    if (line.length + 1 + word.length > WIDTH) lines.push(`    ${word}`)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

function argument({ name, required, fallback }: ParamDescription): string {
  if (required) return name
  const isUnset = typeof fallback === 'object' && fallback !== null && 'name' in fallback
  return `${name}=${isUnset ? '' : fallback === null ? 'None' : yamlScalar(fallback)}`
}

/** The first line, then the rest with its own line breaks; examples as code. */
function textOf(doc: string): string {
  return doc.replaceAll(/^Example: (.*)$/gm, '\nExample: `$1`').replaceAll('<', '&lt;').trim()
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1
}
