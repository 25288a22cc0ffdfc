/**
 * The options that every returner has beside its own, since the host keeps them and not the returner: which returns go there, what is
 * taken out of them, how large they may be and how many go together. They stand among the returner's own options and in its profiles;
 * `returner_defaults` holds them for all.
 */
import { z } from 'zod'
import { count, duration, size, text, textList } from './option-types.ts'

/** What a return came from: a master's command, the schedule, or `brine call` and the agent itself. */
export const RETURN_SOURCES = ['master', 'schedule', 'call'] as const
export type ReturnSource = (typeof RETURN_SOURCES)[number]

const OUTCOMES = ['all', 'succeeded', 'failed'] as const

/** The fields of a return in which something may be redacted. Those that say which return it is are none of them. */
export const REDACTABLE = ['return', 'fun_args', 'metadata', 'user', 'out', 'schedule', 'returner_errors'] as const

const sources = textList()
  .refine((names) => names.length > 0 && names.every((name) => (RETURN_SOURCES as readonly string[]).includes(name)), {
    error: `expected one or more of ${RETURN_SOURCES.join(', ')}`,
  })
  .transform((names) => names as ReturnSource[])

/** `success: False` is as good as `success: failed`. */
const outcome = z
  .union([z.boolean(), z.enum(OUTCOMES)], { error: `must be one of ${OUTCOMES.join(', ')}` })
  .transform((value) => (typeof value === 'boolean' ? (value ? 'succeeded' : 'failed') : value))

const filter = z
  .strictObject({
    include: textList().optional().meta({ example: ['state.*', 'pkg.*'] }).describe('Globs of functions whose returns go there; not set: all'),
    exclude: textList().prefault([]).describe('Globs of functions whose returns do not, also of those included'),
    success: outcome.prefault('all').describe('`all`, `succeeded` or `failed`'),
    sources: sources.optional().meta({ example: ['schedule'] }).describe('What may have asked: `master`, `schedule`, `call`; not set: all'),
  })
  .describe('Which returns go there')

/** `return:db:password`, or a list of its steps where one has a colon in it. */
const redactionPath = z
  .union([text().transform((path) => path.split(':')), z.array(text())], { error: 'expected a path such as return:db:password' })
  .refine((steps) => steps.length > 0 && steps.every((step) => step !== ''), { error: 'has an empty step' })
  .refine((steps) => (REDACTABLE as readonly string[]).includes(steps[0] ?? ''), { error: `must begin with one of ${REDACTABLE.join(', ')}` })

const pattern = text().refine((written) => written !== '' && written.length <= 1000, { error: 'must have 1 to 1000 characters' })

const redact = z
  .strictObject({
    keys: textList().prefault([]).describe('Globs of keys, at any depth and in any case, whose values are replaced'),
    paths: z
      .array(redactionPath, { error: 'expected a list of paths' })
      .max(100)
      .prefault([])
      .describe('Values at these places are replaced: `return:db:pass*`; `*` is one step, `**` any number'),
    patterns: z
      .array(pattern, { error: 'expected a list of regular expressions' })
      .max(50)
      .prefault([])
      .describe('Regular expressions: what matches in a text is replaced, or of a match its groups'),
  })
  .describe('What is taken out before a return leaves the agent')

/** The least that still holds a marked return. */
const SMALLEST_RECORD = 4096
const LONGEST_LINGER_MS = 86_400_000

/** The rules by name: what may stand among the options of any returner. */
export const ruleOptions = {
  filter: filter.optional(),
  redact: redact.optional(),
  max_size: size(SMALLEST_RECORD).optional().meta({ example: '1MiB' }).describe('Largest return as JSON; of a larger one long texts are cut, marked'),
  batch_size: count(1, 1000).optional().meta({ example: 50 }).describe('Most returns handed over together'),
  linger: duration('s')
    .refine((ms) => ms <= LONGEST_LINGER_MS, { error: 'must be at most 1d' })
    .optional()
    .meta({ example: '1s' })
    .describe('How long to wait for a batch to fill'),
}

/** The names of the rules. */
export const RULE_NAMES: readonly string[] = Object.keys(ruleOptions)

/** Rules as they are written for one returner, or for all. */
export const rulesSchema = z.strictObject(ruleOptions)
export type WrittenRules = z.output<typeof rulesSchema>
