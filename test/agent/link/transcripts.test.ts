import { describe, expect, test } from 'vitest'
import { liveAgain } from '../../helpers/transcripts/live-again.ts'
import { readTranscripts } from '../../helpers/transcripts/opened.ts'

describe.each(readTranscripts())('a link does as it was recorded with %s', (_name, { sessions, masterKey }) => {
  test.each(sessions.map((session) => [session.session, session] as const))('%s', async (_what, session) => {
    const { recorded, now } = await liveAgain(session, masterKey)

    expect(now).toEqual(recorded)
  })
})
