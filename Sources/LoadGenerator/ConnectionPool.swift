// SPDX-License-Identifier: Apache-2.0

/// A worker's connections to one target, and the sessions that wait for one.
///
/// The idle connections themselves are a list of ``DeadlineLists``: in the order of when they became idle, so the last one is the
/// warmest, and the first one is the next to time out.
struct ConnectionPool {
    /// Sessions whose request waits for a connection, first come first served; so the first one's time is up first.
    private(set) var waiting = WaitingQueue()
    /// Connections that exist, in any phase.
    var open = 0
    let limit: Int
    /// See `Worker.openForWaiting`.
    var isOpening = false
    /// Where the target is reached.
    var addresses: AddressBook
    /// Connections that wait for the target's name to be looked up.
    var resolving: [(connection: Int32, generation: UInt32)] = []
    /// Makes the connections' TLS; nil for plain TCP.
    let tls: TLSClient?
    /// Place of the idle connections among the lists of deadlines.
    let idleClass: Int32

    init(limit: Int, tls: TLSClient?, resolved: ResolvedTarget, idleClass: Int32) {
        self.limit = limit
        self.tls = tls
        addresses = AddressBook(resolved.addresses, at: resolved.lookedUp)
        self.idleClass = idleClass
    }

    var hasRoom: Bool { open < limit }

    mutating func enqueue(_ session: Int32) { waiting.append(session) }
    mutating func dequeue() -> Int32? { waiting.popFirst() }
    mutating func removeWaiting(where matches: (Int32) -> Bool) { waiting.removeAll(where: matches) }
}

/// A first-in first-out queue of session numbers that reuses its memory.
struct WaitingQueue {
    private var items: [Int32] = []
    private var head = 0

    var count: Int { items.count - head }
    var first: Int32? { head < items.count ? items[head] : nil }

    mutating func append(_ session: Int32) {
        if head > 1024, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        items.append(session)
    }

    mutating func removeAll(where matches: (Int32) -> Bool) {
        items.removeFirst(head)
        head = 0
        items.removeAll(where: matches)
    }

    mutating func popFirst() -> Int32? {
        guard head < items.count else { return nil }
        defer {
            head += 1
            if head == items.count {
                items.removeAll(keepingCapacity: true)
                head = 0
            }
        }
        return items[head]
    }
}
