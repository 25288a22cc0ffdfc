/** The catalogue docs/returners.md, and what of each returner's README comes from its code and its sample. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { packageRoot } from '../../agent/entry-points.ts'
import { describeDefinition, readDefinition, type Description } from '../../agent/returner-host/definition.ts'
import { JOB_CACHE } from '../../returners/contract.ts'
import { optionMarkdown, type OptionRow } from '../../returners/lib/option-table.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { cell, GENERATED } from './markdown.ts'

interface Entry {
  description: Description
  readme: string
}

/** One page for each returner that has a README, and the catalogue of all. */
export async function returnerPages(): Promise<{ path: string; text: string }[]> {
  const names = Object.keys(builtInReturners).toSorted()
  const entries = await Promise.all(names.map(async (name): Promise<Entry> => {
    const description = describeDefinition(readDefinition(await builtInReturners[name]?.()))
    return { description, readme: readmeOf(description) }
  }))
  return [
    ...entries.map(({ description, readme }) => ({ path: `returners/${description.name}/README.md`, text: readme })),
    { path: 'docs/returners.md', text: catalogue(entries) },
  ]
}

/** The README with the table of options between its marks, and the sample as its first block of YAML. */
function readmeOf({ name, options }: Description): string {
  const folder = join(packageRoot, 'returners', name)
  const sample = readFileSync(join(folder, 'sample.yaml'), 'utf8')
  const table = options.length === 0 ? 'None.' : optionMarkdown(options as OptionRow[])
  return readFileSync(join(folder, 'README.md'), 'utf8')
    .replace(/(<!-- options -->\n)[^]*?(<!-- \/options -->)/, (_all, open: string, close: string) => `${open}${table}\n${close}`)
    .replace(/```yaml\n[^]*?```/, () => `\`\`\`yaml\n${sample}\`\`\``)
}

function catalogue(entries: readonly Entry[]): string {
  return [
    '# Returners',
    GENERATED,
    `The returners that come with Brine, under Salt's names where Salt has them. \`brine returner list\` shows those of a host, a site's own among them;
\`brine returner show NAME\` the options, what is set and where. Which returns go to a returner, what is redacted in them, how large they may be and how many go
together is said for all in the same way: [what goes to a returner](returner-rules.md). For one that is not here: [writing a returner](writing-a-returner.md).`,
    `| Returner | What it does | When a return comes again | Job cache | Batch | Driver |
|---|---|---|---|---|---|
${entries.map(({ description }) => row(description)).join('\n')}`,
    `*Replaces itself* and *is dropped* mean once; *may show twice* is said of a target that cannot tell. A driver is installed by a site that uses it:
\`brine returner list\` says the command where one is missing.`,
    ...entries.map(section),
    '',
  ].join('\n\n')
}

const DELIVERY: Readonly<Record<Description['delivery'], string>> = { upsert: 'replaces itself', 'dedupe-key': 'is dropped by key', 'at-least-once': 'may show twice' }

function row({ name, summary, delivery, jobCache, maxBatch, drivers }: Description): string {
  const cache = jobCache.length === 0 ? '' : jobCache.length === JOB_CACHE.length ? 'written, read, events' : jobCache.includes('getJid') ? 'written, read' : 'events'
  return `| [\`${name}\`](#${name}) | ${cell(summary)} | ${DELIVERY[delivery]} | ${cache} | ${maxBatch} | ${drivers.map((driver) => `\`${driver}\``).join(', ')} |`
}

/** What its README begins with, a sample, and where the rest is. */
function section({ description: { name }, readme }: Entry): string {
  const intro = /^# .*\n\n([^]*?)\n\n(?=## )/.exec(readme)?.[1]?.split('\n\n')[0] ?? ''
  const sample = /```yaml\n[^]*?```/.exec(readme)?.[0] ?? ''
  const page = `../returners/${name}/README.md`
  const local = intro.replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, (_all, target: string) => `](${posix.normalize(`../returners/${name}/${target}`).replace('../docs/', '')})`)
  return [`## ${name}`, local, sample, `[Options, failures and how to read it back](${page})`].join('\n\n')
}
