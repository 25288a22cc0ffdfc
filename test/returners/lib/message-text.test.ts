import { describe, expect, test } from 'vitest'
import { fillName, headerText, wildName } from '../../../returners/lib/message-text.ts'
import { sampleReturn } from '../../../returners/testing.ts'

describe('a key as a header', () => {
  test.each([
    ['20250101000000000001/web1/nats', '20250101000000000001/web1/nats'],
    ['1/web 1/nats', '1/web%201/nats'],
    ['1/a\r\nX-Evil: 1/nats', '1/a%0D%0AX-Evil:%201/nats'],
    ['1/ż\ud800/nats', '1/%C5%BC%EF%BF%BD/nats'],
  ])('%j', (key, text) => {
    expect(headerText(key)).toBe(text)
  })

  test('is another one for another key', () => {
    expect(headerText('1/web%201/nats')).not.toBe(headerText('1/web 1/nats'))
  })
})

describe('the name of a subject or topic', () => {
  const unfit = /[.*> ]/g
  const filled = (fields: Parameters<typeof sampleReturn>[1]) => fillName('salt.{id}.{fun}.{jid}', sampleReturn('20250101000000000001', fields), unfit)

  test('has the fields of the return', () => {
    expect(filled({ id: 'web1', fun: 'state_apply' })).toBe('salt.web1.state_apply.20250101000000000001')
  })

  test('gets no further words and no wildcards from them', () => {
    expect(filled({ id: 'web1.example.com', fun: 'test.*' })).toBe('salt.web1_example_com.test__.20250101000000000001')
    expect(filled({ id: 'a > b', fun: 'x\ud800' })).toBe('salt.a___b.x\ufffd.20250101000000000001')
  })

  test('has no empty word, and one word for several functions', () => {
    expect(filled({ id: '', fun: ['test.ping', 'grains.items'] })).toBe('salt._.multiple.20250101000000000001')
  })

  test('a field of the return is not looked at for fields', () => {
    expect(filled({ id: '{jid}', fun: '$&' })).toBe('salt.{jid}.$&.20250101000000000001')
  })

  test('is listened to by wildcards', () => {
    expect(wildName('salt.{id}.x.{jid}', '*')).toBe('salt.*.x.*')
  })
})
