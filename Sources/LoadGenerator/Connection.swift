// SPDX-License-Identifier: Apache-2.0

/// A connection of a worker to a target. Plain data in a ``Slab``; its buffers are kept when it is closed and its record reused.
struct Connection: BitwiseCopyable {
    enum Phase: UInt8 { case closed, resolving, connecting, handshaking, idle, active }

    var phase = Phase.closed
    /// Stamped into epoll's user data, so that an event for a closed connection does not reach the next one with its number.
    var generation: UInt32 = 0
    var descriptor: Int32 = -1
    var target: Int32 = 0
    /// Where in the turn of the target's addresses it begins, how many it has tried, and which it tried last.
    var firstAddress: Int32 = 0
    var addressesTried: Int32 = 0
    var address: Int32 = 0
    /// SSL object; nil for plain TCP.
    var ssl: OpaquePointer?
    /// Session whose request is under way here; −1 for none.
    var session: Int32 = -1
    /// Session that has this connection for itself, with the per-user strategy; −1 otherwise.
    var owner: Int32 = -1
    /// Answers received in whole.
    var served: UInt32 = 0
    /// Its own limits: requests that it may still serve, and CLOCK_MONOTONIC from which on it is too old.
    var requestsLeft = UInt32.max
    var retiresAt = UInt64.max
    /// When it began to be made, when its name had been looked up (0: it was known), and when TCP was connected (0: not
    /// yet, or without TLS, where its first request is sent at that instant).
    var opened: UInt64 = 0
    var resolved: UInt64 = 0
    var connected: UInt64 = 0

    // Place in a list of deadlines (`DeadlineLists`).
    var deadlineClass: Int32 = -1
    var previous: Int32 = -1
    var next: Int32 = -1
    var deadline: UInt64 = 0

    var parser = HTTP1ResponseParser()
    /// Bytes of a head that is not complete yet.
    var unfinishedHead = RawBytes()
    /// Body so far, when a capture needs it and it did not come in one piece.
    var body = RawBytes()
    /// What the kernel (or TLS) has not taken yet of a request, from `outgoingOffset` on.
    var outgoing = RawBytes()
    var outgoingOffset = 0

    mutating func free() {
        unfinishedHead.free()
        body.free()
        outgoing.free()
    }
}

/// Connections that wait for something, by kind of wait: each list has one duration, so it is in order of its deadlines by
/// construction, and adding and removing are a few stores without any search.
struct DeadlineLists {
    private struct List {
        var duration: UInt64
        var first: Int32 = -1
        var last: Int32 = -1
    }
    private var lists: [List]
    private let connections: Slab<Connection>

    /// One list for each duration in nanoseconds; class `i` has `durations[i]`.
    init(durations: [UInt64], connections: Slab<Connection>) {
        lists = durations.map { List(duration: $0) }
        self.connections = connections
    }

    /// The earliest deadline; `UInt64.max` when nothing waits.
    var nextDeadline: UInt64 {
        var earliest = UInt64.max
        for list in lists where list.first >= 0 { earliest = min(earliest, connections[list.first].pointee.deadline) }
        return earliest
    }

    /// The connection that has been in a list for longest or shortest, or −1.
    func first(of class: Int32) -> Int32 { lists[Int(`class`)].first }
    func last(of class: Int32) -> Int32 { lists[Int(`class`)].last }

    /// A connection whose deadline is not after `now`, or −1. It stays in its list.
    func firstDue(_ now: UInt64) -> Int32 {
        for list in lists where list.first >= 0 && connections[list.first].pointee.deadline <= now { return list.first }
        return -1
    }

    mutating func add(_ number: Int32, class: Int32, now: UInt64) {
        let connection = connections[number]
        let last = lists[Int(`class`)].last
        connection.pointee.deadlineClass = `class`
        connection.pointee.deadline = now &+ lists[Int(`class`)].duration
        connection.pointee.previous = last
        connection.pointee.next = -1
        if last >= 0 { connections[last].pointee.next = number } else { lists[Int(`class`)].first = number }
        lists[Int(`class`)].last = number
    }

    mutating func remove(_ number: Int32) {
        let connection = connections[number]
        let (previous, next) = (connection.pointee.previous, connection.pointee.next)
        let `class` = Int(connection.pointee.deadlineClass)
        if `class` < 0 { return }
        if previous >= 0 { connections[previous].pointee.next = next } else { lists[`class`].first = next }
        if next >= 0 { connections[next].pointee.previous = previous } else { lists[`class`].last = previous }
        connection.pointee.deadlineClass = -1
    }
}
