import { describe, expect, test } from 'vitest'
import { type Endpoint, hostPort, publishEndpoint, requestEndpoint } from '../../../agent/transport/address.ts'

/** As a URL, with the transport that the address fixes in front. */
function shown(endpoint: Endpoint): string {
  return `${endpoint.kind ?? 'any'} ${endpoint.isTls ? 'tls' : 'plain'} ${hostPort(endpoint)}${endpoint.path}`
}

describe('a master\'s address', () => {
  test.each([
    ['salt', 'any plain salt:4506/', 'any plain salt:4505/ws'],
    ['salt.example.com:5506', 'any plain salt.example.com:5506/', 'any plain salt.example.com:4505/ws'],
    ['salt:80', 'any plain salt:80/', 'any plain salt:4505/ws'],
    ['192.0.2.1', 'any plain 192.0.2.1:4506/', 'any plain 192.0.2.1:4505/ws'],
    ['[2001:db8::1]:5506', 'any plain [2001:db8::1]:5506/', 'any plain [2001:db8::1]:4505/ws'],
    ['[2001:db8::1]:80', 'any plain [2001:db8::1]:80/', 'any plain [2001:db8::1]:4505/ws'],
    ['[2001:db8::1]', 'any plain [2001:db8::1]:4506/', 'any plain [2001:db8::1]:4505/ws'],
    ['2001:db8::1', 'any plain [2001:db8::1]:4506/', 'any plain [2001:db8::1]:4505/ws'],
    ['wss://proxy.example.com/salt/requests?a=b', 'ws tls proxy.example.com:443/salt/requests?a=b', 'ws tls proxy.example.com:4505/ws'],
    ['https://proxy:8443', 'ws tls proxy:8443/', 'ws tls proxy:4505/ws'],
    ['http://proxy', 'ws plain proxy:80/', 'ws plain proxy:4505/ws'],
    ['tcp://salt', 'any plain salt:4506/', 'any plain salt:4505/ws'],
    ['tls://[2001:db8::1]:443', 'tcp tls [2001:db8::1]:443/', 'tcp tls [2001:db8::1]:4505/ws'],
  ])('%s', (master, requests, publications) => {
    expect(shown(requestEndpoint({ master }))).toBe(requests)
    expect(shown(publishEndpoint({ master }, 4505))).toBe(publications)
  })

  test('uses the configured port where the address names none', () => {
    expect(requestEndpoint({ master: 'salt', masterPort: 9 }).port).toBe(9)
    expect(requestEndpoint({ master: 'salt:10', masterPort: 9 }).port).toBe(10)
    expect(requestEndpoint({ master: 'tls://salt', masterPort: 9 }).port).toBe(9)
  })

  test('speaks TLS where it is configured and the address names no scheme', () => {
    expect(requestEndpoint({ master: 'salt', isTls: true }).isTls).toBe(true)
    expect(requestEndpoint({ master: 'ws://salt', isTls: true }).isTls).toBe(false)
  })

  test('takes a URL of its own for publications', () => {
    expect(shown(publishEndpoint({ master: 'salt', publishUrl: 'wss://proxy/publications' }, 4505))).toBe('ws tls proxy:443/publications')
    expect(shown(publishEndpoint({ master: 'salt', publishUrl: 'tls://proxy' }, 4505))).toBe('tcp tls proxy:4505/')
  })

  test.each(['', 'ftp://salt', 'a b', 'salt:port', 'salt:99999', 'http//salt', 'salt/path', 'user@salt', 'wss://user:word@salt', 'tls://'])('%j is refused', (master) => {
    expect(() => requestEndpoint({ master })).toThrow(/not a master's address/)
  })
})
