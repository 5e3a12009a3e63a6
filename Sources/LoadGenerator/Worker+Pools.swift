// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// Who gets which connection, and when connections go.
extension Worker {
    /// A connection that the session's request can be written to at once. It leaves the idle ones.
    func takeIdleConnection(for id: Int32, _ target: Int32) -> Int32? {
        while let number = idleConnection(for: id, target) {
            let retiresAt = connections[number].pointee.retiresAt
            if retiresAt == .max || Clock.now() < retiresAt {
                deadlines.remove(number)
                return number
            }
            closeConnection(number, isSound: true)
        }
        return nil
    }

    private func idleConnection(for id: Int32, _ target: Int32) -> Int32? {
        switch plan.plan.connections.strategy {
        case .shared:
            // The one used last is the warmest, and the others may time out.
            let last = deadlines.last(of: pools[Int(target)].idleClass)
            return last < 0 ? nil : last
        case .perRequest: return nil
        case .perUser:
            guard let own = sessions[id].pointee.ownConnections?[Int(target)], own >= 0 else { return nil }
            return own
        }
    }

    /// Whether a session may open a connection: there is room, or another session's idle connection makes some.
    ///
    /// Without the second, sessions that hold connections of their own to one target could wait for each other's connections to
    /// another for ever.
    func makeRoom(_ target: Int32) -> Bool {
        if pools[Int(target)].hasRoom { return true }
        guard plan.plan.connections.strategy == .perUser else { return false }
        let longestIdle = deadlines.first(of: pools[Int(target)].idleClass)
        if longestIdle < 0 { return false }
        closeConnection(longestIdle, isSound: true)
        return pools[Int(target)].hasRoom
    }

    func bind(_ number: Int32, _ id: Int32) {
        connections[number].pointee.session = id
        sessions[id].pointee.connection = number
    }

    /// A connection has served a request well: to the session that waits longest, or to the idle ones.
    func makeAvailable(_ number: Int32, _ now: UInt64) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        if connection.pointee.served == 1, let ssl = connection.pointee.ssl { pools[target].tls?.keepSession(of: ssl) }
        connection.pointee.phase = .idle
        if connection.pointee.owner < 0, let waiting = pools[target].dequeue() {
            sessions[waiting].pointee.state = .active
            bind(number, waiting)
            send(number)
        } else {
            deadlines.add(number, class: pools[target].idleClass, now: now)
        }
    }

    /// A session that did not go on at once on its own connection gives way to one that waits for any.
    func yieldConnection(_ number: Int32, of id: Int32) {
        let connection = connections[number]
        guard connection.pointee.phase == .idle, connection.pointee.owner == id,
            pools[Int(connection.pointee.target)].waiting.count > 0
        else { return }
        closeConnection(number, isSound: true)
    }

    /// Closes a connection without a request, and opens another when someone waits for one.
    func closeConnection(_ number: Int32, isSound: Bool) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        deadlines.remove(number)
        if let ssl = connection.pointee.ssl {
            // Again: tickets may have come since its first answer.
            if isSound, connection.pointee.served > 0 { pools[target].tls?.keepSession(of: ssl) }
            TLSClient.close(ssl, isSound: isSound)
            connection.pointee.ssl = nil
        }
        if connection.pointee.descriptor >= 0 { close(connection.pointee.descriptor) }
        connection.pointee.descriptor = -1
        connection.pointee.phase = .closed
        connection.pointee.generation &+= 1
        if connection.pointee.owner >= 0 {
            sessions[connection.pointee.owner].pointee.ownConnections?[target] = -1
            connection.pointee.owner = -1
        }
        pools[target].open -= 1
        connections.release(number)
        if !isAborting { openForWaiting(target) }
    }

    /// Opens connections for those who wait, as far as the limit allows. Connections that fail at once come back here through
    /// ``closeConnection(_:isSound:)``; the flag turns that recursion into this loop.
    func openForWaiting(_ target: Int) {
        if pools[target].isOpening { return }
        pools[target].isOpening = true
        while pools[target].hasRoom, let waiting = pools[target].dequeue() {
            sessions[waiting].pointee.state = .active
            openConnection(to: Int32(target), for: waiting)
        }
        pools[target].isOpening = false
    }

    /// The end of a journey is the end of its own connections.
    func closeOwnConnections(_ id: Int32) {
        guard let own = sessions[id].pointee.ownConnections else { return }
        for target in pools.indices where own[target] >= 0 { closeConnection(own[target], isSound: true) }
    }

    // MARK: Time limit of waiting

    /// When the first of those who wait for a connection has waited long enough; `UInt64.max` when nobody waits.
    var nextWaitDeadline: UInt64 {
        var next = UInt64.max
        for target in pools.indices {
            if let first = pools[target].waiting.first {
                next = min(next, sessions[first].pointee.pickedUp &+ waitTimeout)
            }
        }
        return next
    }

    /// Requests that waited for a connection too long.
    func expireWaiting(_ now: UInt64) {
        for target in pools.indices {
            while let first = pools[target].waiting.first, sessions[first].pointee.pickedUp &+ waitTimeout <= now {
                _ = pools[target].dequeue()
                failWaiting(first, now)
            }
        }
    }
}
