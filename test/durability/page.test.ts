import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'
import { laws } from './laws.ts'
import { loadMutations } from './mutations.ts'
import { proofsTable } from './proofs-table.ts'

const page = readFileSync(join(packageRoot, 'docs/durability.md'), 'utf8')

describe('docs/durability.md', () => {
  it('says when something can still be lost or sent twice', () => {
    const [, section = ''] = page.split('## When something can still be lost or sent twice\n')

    expect(section).toMatch(/^\nLost:\n(- .*\n(?: {2}.*\n)*){4,}/)
    expect(section).toMatch(/\nSent twice:\n(- .*\n(?: {2}.*\n)*){2,}/)
  })

  it('makes each promise once, in order', () => {
    const [, promises = ''] = page.split('## The promises\n')
    const numbers = [...promises.matchAll(/^(\d+)\. /gm)].map((match) => match[1])

    expect(numbers).toEqual(laws.map(({ law }) => law))
  })

  it('shows the proofs as they are', () => {
    expect(page).toContain(proofsTable())
  })
})

describe('the proofs', () => {
  const mutations = loadMutations()

  it.each(laws)('of line $law ($promise) has a mutation that turns a test red', ({ law }) => {
    expect(mutations.filter((mutation) => mutation.law === law)).not.toEqual([])
  })

  it('break what is there, once, and name a test that is there', () => {
    const broken = mutations.filter(({ file, find, test }) => {
      const source = join(packageRoot, file)
      return !existsSync(source) || readFileSync(source, 'utf8').split(find).length !== 2 || !existsSync(join(packageRoot, test))
    })

    expect(broken.map(({ law, file, find }) => ({ law, file, find }))).toEqual([])
  })
})
