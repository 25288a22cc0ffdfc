import type { ClaimRequest, DeliveryFilter, DestinationRef, NewReturn, Outcome } from '../../../agent/outbox/port.ts'

/** One delivery of the toy outbox. */
export interface ToyDelivery {
  destination: string
  state: 'ready' | 'setAside' | 'dead'
  attempts: number
  due: number
}

export interface ToyReturn {
  id: number
  jid: string
  priority: number
  body: string
  deliveries: Map<string, ToyDelivery>
}

export interface ToyBooks {
  accepted: number
  delivered: number
  queued: number
  dead: number
  dropped: number
  purged: number
}

/** What an outbox should do, written down without a thought for disks, crashes or speed. */
export interface Toy {
  returns: Map<number, ToyReturn>
  books: Map<string, ToyBooks>
  seen: Set<string>
  unfinished: Map<string, 'waiting' | 'running'>
  held: Set<string>
  accept(id: number, ret: NewReturn): void
  settle(outcome: Outcome, key: string): void
  /** Keys (`id destination`) in the order of the claim. */
  claim(request: ClaimRequest): string[]
  retry(filter: DeliveryFilter, to?: DestinationRef): number
  purge(filter: DeliveryFilter): number
  /** The row limits, as after every commit. */
  enforce(): void
  newest(jid: string): string | null
}

/** An empty toy with its row limits. */
export function createToy(limits: { perDestination: number; overall: number }): Toy {
  const returns = new Map<number, ToyReturn>()
  const books = new Map<string, ToyBooks>()
  const held = new Set<string>()
  const keyOf = (ret: ToyReturn, destination: string) => `${ret.id} ${destination}`
  const bookOf = (name: string) => {
    const book = books.get(name) ?? { accepted: 0, delivered: 0, queued: 0, dead: 0, dropped: 0, purged: 0 }
    books.set(name, book)
    return book
  }
  const inOrder = () => [...returns.values()].toSorted((a, b) => a.id - b.id)
  const rowsOf = (name: string) => bookOf(name).queued + bookOf(name).dead

  const rowsOfAll = () => [...books.keys()].reduce((sum, name) => sum + rowsOf(name), 0)

  function end(ret: ToyReturn, delivery: ToyDelivery, how: 'delivered' | 'dropped' | 'purged'): void {
    const book = bookOf(delivery.destination)
    book[how] += 1
    book[delivery.state === 'dead' ? 'dead' : 'queued'] -= 1
    ret.deliveries.delete(delivery.destination)
    if (ret.deliveries.size === 0 && how !== 'delivered') returns.delete(ret.id)
  }

  function revive(delivery: ToyDelivery): void {
    const book = bookOf(delivery.destination)
    if (delivery.state === 'dead') {
      book.dead -= 1
      book.queued += 1
    }
    delivery.state = 'ready'
  }

  function add(ret: ToyReturn, destination: string): void {
    ret.deliveries.set(destination, { destination, state: 'ready', attempts: 0, due: 0 })
    bookOf(destination).accepted += 1
    bookOf(destination).queued += 1
  }

  /** In the order of returns, and of the destinations' first appearance. */
  function matching(filter: DeliveryFilter): [ToyReturn, ToyDelivery][] {
    return inOrder().flatMap((ret) =>
      [...books.keys()]
        .flatMap((name) => ret.deliveries.get(name) ?? [])
        .filter((one) => filter.destination === undefined || one.destination === filter.destination)
        .filter((one) => filter.state === undefined || (one.state === 'dead') === (filter.state === 'dead'))
        .filter(() => filter.jid === undefined || ret.jid === filter.jid)
        .map((one): [ToyReturn, ToyDelivery] => [ret, one]),
    )
  }

  function move(ret: ToyReturn, delivery: ToyDelivery, to: string): void {
    const there = ret.deliveries.get(to)
    if (there !== undefined) {
      revive(there)
      return end(ret, delivery, 'purged')
    }
    bookOf(delivery.destination).accepted -= 1
    bookOf(delivery.destination)[delivery.state === 'dead' ? 'dead' : 'queued'] -= 1
    ret.deliveries.delete(delivery.destination)
    add(ret, to)
  }

  function dropOldest(over: () => boolean, pick: (ret: ToyReturn) => ToyDelivery[]): void {
    for (const priority of [0, 1, 2]) {
      for (const ret of inOrder()) {
        if (!over()) return
        if (ret.priority !== priority) continue
        for (const delivery of pick(ret)) end(ret, delivery, 'dropped')
      }
    }
  }

  return {
    returns, books, held, seen: new Set(), unfinished: new Map(),
    accept(id, ret) {
      const toy: ToyReturn = { id, jid: ret.jid, priority: ret.priority, body: Buffer.from(ret.body).toString(), deliveries: new Map() }
      returns.set(id, toy)
      for (const { name } of ret.destinations) add(toy, name)
    },
    settle(outcome, key) {
      const [id, destination = ''] = key.split(' ')
      const ret = returns.get(Number(id))
      const delivery = ret?.deliveries.get(destination)
      if (ret === undefined || delivery === undefined || delivery.state === 'dead') return
      if (outcome.kind === 'delivered') return end(ret, delivery, 'delivered')
      delivery.attempts += 1
      if (outcome.kind === 'dead') {
        delivery.state = 'dead'
        bookOf(destination).queued -= 1
        bookOf(destination).dead += 1
      } else {
        delivery.state = outcome.dueAt === undefined ? 'ready' : 'setAside'
        delivery.due = outcome.dueAt ?? 0
      }
    },
    claim(request) {
      const { destination, limit } = request
      const side = inOrder()
        .filter((ret) => (ret.id > request.boundary) === (request.queue === 'fresh'))
        .flatMap((ret) => {
          const delivery = ret.deliveries.get(destination)
          return delivery === undefined ? [] : [{ ret, delivery, key: keyOf(ret, destination) }]
        })
      const wanted = limit + [...held].filter((key) => key.split(' ')[1] === destination).length
      const due = side.filter((one) => one.delivery.state === 'setAside' && one.delivery.due <= request.now)
      const first = due.toSorted((a, b) => a.delivery.due - b.delivery.due || a.ret.id - b.ret.id).slice(0, wanted)
      const ready = side.filter((one) => one.delivery.state === 'ready').slice(0, wanted)
      const candidates = [...ready, ...first].toSorted((a, b) => a.ret.id - b.ret.id).filter((one) => !held.has(one.key))
      const keys: string[] = []
      let bytes = 0
      for (const { ret, key } of candidates) {
        if (keys.length >= limit || (keys.length > 0 && bytes + ret.body.length > request.maxBytes)) break
        bytes += ret.body.length
        keys.push(key)
        held.add(key)
      }
      return keys
    },
    retry(filter, to) {
      const rows = matching(filter).filter(([, one]) => one.destination !== to?.name)
      for (const [ret, one] of rows) {
        if (to === undefined) revive(one)
        else if (ret.deliveries.has(one.destination)) move(ret, one, to.name)
      }
      return rows.length
    },
    purge(filter) {
      const rows = matching(filter)
      for (const [ret, one] of rows) end(ret, one, 'purged')
      return rows.length
    },
    enforce() {
      for (const name of books.keys()) {
        dropOldest(() => rowsOf(name) > limits.perDestination, (ret) => {
          const one = ret.deliveries.get(name)
          return one === undefined || held.has(keyOf(ret, name)) ? [] : [one]
        })
      }
      dropOldest(() => rowsOfAll() > limits.overall, (ret) => {
        const all = [...ret.deliveries.values()]
        return all.some((one) => held.has(keyOf(ret, one.destination))) ? [] : all
      })
    },
    newest(jid) {
      return inOrder().findLast((ret) => ret.jid === jid)?.body ?? null
    },
  }
}
