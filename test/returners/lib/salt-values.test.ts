import { expect, test } from 'vitest'
import { portCanBe } from '../../../returners/lib/salt-values.ts'

test('a port that cannot be is told of, in whatever address it stands', () => {
  expect(['host', 'mqtts://host', '[::1]', 'host:65535', 'nats://[::1]:4222'].every(portCanBe)).toBe(true)
  expect(['host:65536', 'mqtt://127.0.0.1:99999', '[::1]:99999'].some(portCanBe)).toBe(false)
})
