import { describe, expect, test } from 'vitest'
import { publishUrl, requestUrl } from '../../../agent/transport/address.ts'

describe('a master\'s address', () => {
  test.each([
    ['salt', 'ws://salt:4506/', 'ws://salt:4505/ws'],
    ['salt.example.com:5506', 'ws://salt.example.com:5506/', 'ws://salt.example.com:4505/ws'],
    ['salt:80', 'ws://salt/', 'ws://salt:4505/ws'],
    ['192.0.2.1', 'ws://192.0.2.1:4506/', 'ws://192.0.2.1:4505/ws'],
    ['[2001:db8::1]:5506', 'ws://[2001:db8::1]:5506/', 'ws://[2001:db8::1]:4505/ws'],
    ['[2001:db8::1]', 'ws://[2001:db8::1]:4506/', 'ws://[2001:db8::1]:4505/ws'],
    ['2001:db8::1', 'ws://[2001:db8::1]:4506/', 'ws://[2001:db8::1]:4505/ws'],
    ['wss://proxy.example.com/salt/requests', 'wss://proxy.example.com/salt/requests', 'wss://proxy.example.com:4505/ws'],
    ['https://proxy:8443', 'wss://proxy:8443/', 'wss://proxy:4505/ws'],
    ['http://proxy', 'ws://proxy/', 'ws://proxy:4505/ws'],
  ])('%s', (master, requests, publications) => {
    expect(requestUrl({ master }).href).toBe(requests)
    expect(publishUrl({ master }, 4505).href).toBe(publications)
  })

  test('uses the configured port where the address names none', () => {
    expect(requestUrl({ master: 'salt', masterPort: 9 }).href).toBe('ws://salt:9/')
    expect(requestUrl({ master: 'salt:10', masterPort: 9 }).href).toBe('ws://salt:10/')
  })

  test('takes a URL of its own for publications', () => {
    expect(publishUrl({ master: 'salt', publishUrl: 'wss://proxy/publications' }, 4505).href).toBe('wss://proxy/publications')
  })

  test.each(['', 'ftp://salt', 'a b', 'salt:port', 'salt:99999', 'http//salt', 'salt/path', 'user@salt'])('%j is refused', (master) => {
    expect(() => requestUrl({ master })).toThrow(/not a master's address/)
  })
})
