import { expect, test } from 'vitest'
import { makeProgressBar } from '../../../master/cli/progress-bar.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'

function draw(isTTY: boolean, columns: number) {
  const written: string[] = []
  const clock = createFakeClock()
  const bar = makeProgressBar({ isTTY, columns, write: (text) => written.push(text) }, 4, clock)
  return { written, clock, bar }
}

test('fills one line of a terminal, and leaves it at the end', async () => {
  const { written, clock, bar } = draw(true, 80)
  await clock.advance(61_000)
  bar.update(2)
  bar.end()

  expect(written[0]).toBe(`\r  0% |${' '.repeat(35)}| Elapsed Time: 0:00:00 Returns: [0/4]`)
  expect(written[1]).toBe(`\r 50% |${'#'.repeat(17)}${' '.repeat(18)}| Elapsed Time: 0:01:01 Returns: [2/4]`)
  expect(written[2]).toBe('\n')
  expect(written[1]?.length).toBe(80)
})

test('never gets wider than a narrow terminal', () => {
  const { written, bar } = draw(true, 24)
  bar.update(4)

  expect(written.map((line) => line.length)).toEqual([24, 24])
})

test('is silent in a pipe', () => {
  const { written, bar } = draw(false, 80)
  bar.update(1)
  bar.end()

  expect(written).toEqual([])
})
