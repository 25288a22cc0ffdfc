/** Answers every binary message with itself: what the sockets alone cost. Prints its port. */
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data))
})
server.on('listening', () => console.log((server.address() as AddressInfo).port))
