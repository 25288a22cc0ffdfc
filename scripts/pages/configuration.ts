import { type OptionRow, optionRows } from '../../config/option-rows.ts'
import { masterSchema } from '../../config/master-schema.ts'
import { yamlScalar } from '../../config/sample.ts'
import { minionSchema, OPTION_GROUPS } from '../../config/schema.ts'
import { cell, GENERATED } from './markdown.ts'

/** docs/configuration.md: every option of the minion and of the embedded master. */
export function configurationPage(): string {
  const rows = optionRows(minionSchema)
  const groups = OPTION_GROUPS.map(([title, options]) => ({ title, rows: rows.filter((row) => Object.hasOwn(options, row.path[0] ?? '')) }))
  const grouped = new Set(groups.flatMap((group) => group.rows))
  const rest = rows.filter((row) => !grouped.has(row))
  const own = rest.filter((row) => row.isGroup || row.path.length > 1)
  const more = rest.filter((row) => !own.includes(row))
  return [
    '# Configuration',
    GENERATED,
    INTRODUCTION,
    '## The minion',
    ...[...groups, ...(more.length > 0 ? [{ title: 'More', rows: more }] : [])].flatMap(({ title, rows: some }) => [`### ${title}`, table(some)]),
    ...own.filter((row) => row.isGroup).flatMap((map) => {
      const members = own.filter((row) => !row.isGroup && row.path[0] === map.path[0])
      return [`### \`${map.path[0]}\``, `${map.description}${map.salt === '' ? '' : ` (${map.salt})`}. A map:`, table(members)]
    }),
    '## The embedded master',
    'In the file `master` and in `master.d/*.conf`.',
    table(optionRows(masterSchema)),
    '',
  ].join('\n\n')
}

const INTRODUCTION = `Options stand in the file \`minion\` of the configuration directory (\`/etc/brine\`, or \`-c\`, or \`BRINE_CONFIG_DIR\`), in \`minion.d/*.conf\`, in
environment variables (\`BRINE_LOG_LEVEL\`, \`BRINE_OUTBOX__MAX_BYTES\`) and in flags of the command; what comes later in this list wins. The YAML is
Salt's. Durations are plain numbers in the unit that is named, or \`30s\`, \`5m\`, \`1h30m\`; sizes are bytes, or \`64MiB\`, \`1GB\`.

- \`brine config check --strict\` tells every problem with its place; \`brine config show [OPTION…]\` what is in force and why.
- \`brine config sample\` prints a file with all of this as comments; \`brine config schema\` a JSON Schema for editors. With \`--master\` the master's.
- Options of returners stand under their names: \`brine returner show NAME\`. Other keys are legal, for \`config.get\`.

The column Salt says what Salt has instead, where it is not the same.`

function table(rows: readonly OptionRow[]): string {
  const lines = rows.map((row) => {
    const standard = row.default === undefined ? '' : `\`${yamlScalar(row.default)}\``
    return `| \`${row.path.at(-1)}\` | ${cell(row.type)} | ${cell(standard)} | ${cell(row.description)} | ${cell(row.salt)} |`
  })
  return ['| option | type | default | what it does | Salt |', '|---|---|---|---|---|', ...lines].join('\n')
}
