/** Waits until a condition holds, looking often; fails with the description when it does not within the time. */
export async function until<Found>(
  look: () => Found | Promise<Found>,
  description: string,
  timeoutMs = 10_000,
): Promise<Exclude<Found, null | undefined | false>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found) return found as Exclude<Found, null | undefined | false>
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${description}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
}
