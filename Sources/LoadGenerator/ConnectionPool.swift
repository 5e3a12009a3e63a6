// SPDX-License-Identifier: Apache-2.0

/// A worker's connections to one target, and the sessions that wait for one.
struct ConnectionPool {
    /// Connections without a request, the last used one at the end: it is the warmest, and the others may time out.
    private(set) var idle: [Int32] = []
    /// Sessions whose request waits for a connection, first come first served.
    private(set) var waiting = WaitingQueue()
    /// Connections that exist, in any phase.
    var open = 0
    let limit: Int
    /// See `Worker.openForWaiting`.
    var isOpening = false
    /// Address that the next connection tries first.
    var address = 0
    /// Makes the connections' TLS; nil for plain TCP.
    let tls: TLSClient?

    init(limit: Int, tls: TLSClient?) {
        self.limit = limit
        self.tls = tls
        idle.reserveCapacity(limit)
    }

    mutating func takeIdle() -> Int32? { idle.popLast() }

    mutating func putIdle(_ connection: Int32) { idle.append(connection) }

    /// Forgets an idle connection that has been closed by the server.
    mutating func removeIdle(_ connection: Int32) {
        if let position = idle.lastIndex(of: connection) { idle.remove(at: position) }
    }

    mutating func enqueue(_ session: Int32) { waiting.append(session) }
    mutating func dequeue() -> Int32? { waiting.popFirst() }
    mutating func removeWaiting(where matches: (Int32) -> Bool) { waiting.removeAll(where: matches) }
}

/// A first-in first-out queue of session numbers that reuses its memory.
struct WaitingQueue {
    private var items: [Int32] = []
    private var head = 0

    var count: Int { items.count - head }

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
