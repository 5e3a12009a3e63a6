// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import COpenSSL
internal import Glibc

extension Worker {
    /// A connection that the session's request can be written to at once.
    func idleConnection(for id: Int32, _ target: Int32) -> Int32? {
        switch plan.plan.connections.strategy {
        case .shared: return pools[Int(target)].takeIdle()
        case .perRequest: return nil
        case .perUser:
            guard let own = sessions[id].pointee.ownConnections?[Int(target)], own >= 0 else { return nil }
            return own
        }
    }

    func bind(_ number: Int32, _ id: Int32) {
        connections[number].pointee.session = id
        sessions[id].pointee.connection = number
    }

    /// Begins a connection for a session's request, which is sent when it is ready.
    func openConnection(to target: Int32, for id: Int32) {
        let number = connections.acquire()
        let connection = connections[number]
        pools[Int(target)].open += 1
        connection.pointee.target = target
        connection.pointee.address = pools[Int(target)].address
        connection.pointee.addressesTried = 0
        connection.pointee.served = 0
        connection.pointee.deadlineClass = -1
        connection.pointee.owner = -1
        let now = Clock.now()
        connection.pointee.opened = now
        connection.pointee.resolved = 0
        connection.pointee.connected = 0
        bind(number, id)
        if plan.plan.connections.strategy == .perUser {
            connection.pointee.owner = id
            sessions[id].pointee.ownConnections?[Int(target)] = number
        }
        deadlines.add(number, class: 0, now: now)
        connect(number)
    }

    /// Tries the connection's address, and the next ones as long as they fail at once.
    private func connect(_ number: Int32) {
        let connection = connections[number]
        let addresses = plan.targets[Int(connection.pointee.target)].addresses
        var failure: Int32 = 0
        while connection.pointee.addressesTried < addresses.count {
            connection.pointee.addressesTried += 1
            let address = addresses[connection.pointee.address % addresses.count]
            let descriptor = socket(
                address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else {
                failure = errno
                break
            }
            connection.pointee.generation &+= 1
            connection.pointee.descriptor = descriptor
            connection.pointee.phase = .connecting
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            watch(number)
            let result = address.bytes.withUnsafeBytes { bytes in
                // The bytes are a sockaddr as getaddrinfo made it.
                Glibc.connect(
                    descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
            if result == 0 {
                connected(number)
                return
            }
            if errno == EINPROGRESS { return }
            failure = errno
            tryNextAddress(number)
        }
        failConnect(number, failure)
    }

    private func tryNextAddress(_ number: Int32) {
        let connection = connections[number]
        close(connection.pointee.descriptor)
        connection.pointee.descriptor = -1
        connection.pointee.address += 1
    }

    private func failConnect(_ number: Int32, _ code: Int32) {
        failRequest(number, .connection, .connect(code), Clock.now())
    }

    /// Edge-triggered for reading and writing at once: one system call in the life of a connection.
    private func watch(_ number: Int32) {
        let connection = connections[number]
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = UInt64(connection.pointee.generation) << 32 | UInt64(UInt32(bitPattern: number))
        epoll_ctl(epoll, EPOLL_CTL_ADD, connection.pointee.descriptor, &event)
    }

    /// The socket is writable for the first time, or failed.
    func continueConnecting(_ number: Int32) {
        let connection = connections[number]
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(connection.pointee.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        if code == 0 {
            connected(number)
            return
        }
        tryNextAddress(number)
        if connection.pointee.addressesTried < plan.targets[Int(connection.pointee.target)].addresses.count {
            connect(number)
        } else {
            failConnect(number, code)
        }
    }

    private func connected(_ number: Int32) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        pools[target].address = connection.pointee.address
        counters.connectionsOpened += 1
        guard let tls = pools[target].tls else {
            ready(number)
            return
        }
        guard let ssl = tls.connect(connection.pointee.descriptor) else {
            failRequest(number, .tls, .tls(0), Clock.now())
            return
        }
        connection.pointee.connected = Clock.now()
        connection.pointee.ssl = ssl
        connection.pointee.phase = .handshaking
        continueHandshake(number)
    }

    func continueHandshake(_ number: Int32) {
        let connection = connections[number]
        guard let ssl = connection.pointee.ssl else { return }
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            counters.tlsHandshakes += 1
            if SSL_session_reused(ssl) == 1 { counters.tlsResumed += 1 }
            ready(number)
            return
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
        case SSL_ERROR_SSL:
            let verification = SSL_get_verify_result(ssl)
            let code = ERR_peek_last_error()
            ERR_clear_error()
            failRequest(
                number, .tls, verification != CLong(X509_V_OK) ? .certificate(verification) : .tls(code), Clock.now())
        default:
            let code = errno
            ERR_clear_error()
            failRequest(number, .tls, code == 0 ? .tlsClosed : .broken(code), Clock.now())
        }
    }

    /// The connection is made: its request goes out.
    private func ready(_ number: Int32) {
        deadlines.remove(number)
        connections[number].pointee.outgoing.removeAll()
        connections[number].pointee.outgoingOffset = 0
        connections[number].pointee.unfinishedHead.removeAll()
        send(number)
    }

    /// A connection has served a request well: to the session that waits longest, or to the idle ones.
    func makeAvailable(_ number: Int32) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        if connection.pointee.served == 1, let ssl = connection.pointee.ssl { pools[target].tls?.keepSession(of: ssl) }
        connection.pointee.phase = .idle
        if connection.pointee.owner >= 0 { return }
        if let waiting = pools[target].dequeue() {
            sessions[waiting].pointee.state = .active
            bind(number, waiting)
            send(number)
        } else {
            pools[target].putIdle(number)
        }
    }

    /// Closes a connection without a request, and opens another when someone waits for one.
    func closeConnection(_ number: Int32, isSound: Bool) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        deadlines.remove(number)
        if let ssl = connection.pointee.ssl {
            if isSound, connection.pointee.served == 1 { pools[target].tls?.keepSession(of: ssl) }
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
        while pools[target].open < pools[target].limit, let waiting = pools[target].dequeue() {
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
}
