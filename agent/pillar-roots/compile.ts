/** One minion's pillar, compiled from the top files and sls of `pillar_roots` as Salt's default does (pillar/__init__.py). */
import type { Logger } from '../log.ts'
import { globMatch } from '../matchers/glob.ts'
import { type Subject, isTargeted } from '../matchers/match.ts'
import type { ValueObject } from '../wire/value.ts'
import { type MergeSettings, type PillarMap, asObject, mergePillar } from './merge.ts'
import { type PillarRoots, listSls } from './roots.ts'
import { makeSlsRenderer } from './render.ts'
import { makeSlsReader } from './sls-reader.ts'
import { readTop, type Top } from './top.ts'

export interface PillarSettings {
  pillar_roots: PillarRoots
  state_top: string
  pillar_source_merging_strategy: MergeSettings['strategy']
  pillar_merge_lists: boolean
  pillar_includes_override_sls: boolean
  nodegroups: Subject['nodegroups']
}

/** Whose pillar, and what the minion asked for. */
export interface PillarQuestion {
  id: string
  grains: ValueObject
  saltenv: string | null
  /** Only this environment; null for all. */
  pillarenv: string | null
  /** Merged over the rest (`pillar.items pillar={…}`). */
  override: ValueObject
}

/** Gives a minion's pillar; what is wrong with its files is a list of texts under `_errors`. */
export type CompilePillar = (question: PillarQuestion) => ValueObject

const matchTypes = new Set(['compound', 'glob', 'grain', 'grain_pcre', 'list', 'pcre', 'ipcidr', 'nodegroup', 'pillar', 'pillar_pcre', 'pillar_exact'])

/** Makes the compiler. Files are looked at again at every question and parsed again when they have changed. */
export function makePillarCompiler(settings: PillarSettings, log: Logger): CompilePillar {
  const readSls = makeSlsReader()
  const roots = settings.pillar_roots
  const merging: MergeSettings = { strategy: settings.pillar_source_merging_strategy, mergeLists: settings.pillar_merge_lists }

  return compile

  function compile(question: PillarQuestion): ValueObject {
    const errors: string[] = []
    const topErrors: string[] = []
    const top = readTop({ roots, readSls, environments: environmentsOf(question), topFile: settings.state_top, errors: topErrors })
    let pillar: PillarMap = question.override
    for (const [environment, wanted] of matches(top, question, errors)) pillar = addEnvironment(pillar, environment, wanted, top, errors)
    errors.push(...topErrors)
    let whole = asObject(pillar)
    if (whole === undefined) {
      errors.push('The pillar has a key at its first level that is no text')
      whole = {}
    }
    if (errors.length > 0) {
      for (const error of errors) log.error({ id: question.id, error }, 'Pillar render error')
      whole = { ...whole, _errors: errors }
    }
    return Object.keys(question.override).length === 0 ? whole : (asObject(mergePillar(whole, question.override, merging)) ?? whole)
  }

  /** The environments whose top files are read. */
  function environmentsOf({ pillarenv, saltenv }: PillarQuestion): string[] {
    if (pillarenv !== null) return Object.hasOwn(roots, pillarenv) ? [pillarenv] : []
    const all = [...new Set(['base', ...Object.keys(roots)])]
    return merging.strategy === 'none' ? all.filter((environment) => environment === (saltenv ?? 'base')) : all
  }

  /** Environment → the sls of this minion, in order, each once. */
  function matches(top: Top, question: PillarQuestion, errors: string[]): Map<string, string[]> {
    const subject: Subject = { id: question.id, grains: question.grains, pillar: {}, nodegroups: settings.nodegroups }
    const found = new Map<string, string[]>()
    for (const [environment, targets] of top.targets) {
      if (question.pillarenv !== null && environment !== question.pillarenv) continue
      for (const { tgt, match, sls } of targets) {
        if (!matchTypes.has(match)) errors.push(`Attempting to match with unknown matcher: ${match}`)
        else if (isTargeted({ tgt, type: match }, subject)) found.set(environment, [...new Set([...(found.get(environment) ?? []), ...sls])])
      }
    }
    return found
  }

  function addEnvironment(pillar: PillarMap, environment: string, wanted: string[], top: Top, errors: string[]): PillarMap {
    const available = listSls(roots, environment)
    if (available === undefined) errors.push(`No matching pillar environment for environment '${environment}' found`)
    const render = makeSlsRenderer({
      roots, readSls, environment, merging, errors,
      available: available ?? [],
      ignored: top.ignoredMissing.get(environment) ?? new Set(),
      includesOverride: settings.pillar_includes_override_sls,
    })
    let merged = pillar
    for (const sls of wanted.flatMap((pattern) => expand(available ?? [], pattern))) {
      const rendered = render(sls)
      if (rendered !== undefined) merged = mergePillar(merged, rendered, merging)
    }
    return merged
  }
}

function expand(available: string[], pattern: string): string[] {
  const found = available.filter((name) => globMatch(name, pattern))
  return found.length > 0 ? found : [pattern]
}
