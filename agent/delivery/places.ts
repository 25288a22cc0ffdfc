/** The places at one destination: who has none waits for the next that is left, in the order of asking. */
export interface Places {
  /** Resolves at once while fewer than `most` are taken. Gives what leaves the place again, and does nothing the second time. */
  take(most: number): Promise<() => void>
}

/** All places are free. */
export function createPlaces(): Places {
  const waiting: (() => void)[] = []
  let taken = 0

  function leaver(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      const next = waiting.shift()
      if (next === undefined) taken -= 1
      else next()
    }
  }

  return {
    async take(most) {
      if (taken < most) taken += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return leaver()
    },
  }
}
