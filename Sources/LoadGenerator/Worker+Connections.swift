// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import COpenSSL
internal import Glibc

/// Making of connections: name, TCP, TLS.
extension Worker {
    /// Begins a connection for a session's request, which is sent when it is ready.
    func openConnection(to target: Int32, for id: Int32) {
        let number = connections.acquire()
        let connection = connections[number]
        let now = Clock.now()
        pools[Int(target)].open += 1
        connection.pointee.target = target
        connection.pointee.addressesTried = 0
        connection.pointee.served = 0
        connection.pointee.deadlineClass = -1
        connection.pointee.owner = -1
        connection.pointee.opened = now
        connection.pointee.resolved = 0
        connection.pointee.connected = 0
        drawLimits(connection, now)
        bind(number, id)
        if plan.plan.connections.strategy == .perUser {
            connection.pointee.owner = id
            sessions[id].pointee.ownConnections?[Int(target)] = number
        }
        deadlines.add(number, class: 0, now: now)
        if now &- pools[Int(target)].addresses.lookedUp >= dnsRefresh {
            resolve(number)
        } else {
            connection.pointee.firstAddress = pools[Int(target)].addresses.begin(now)
            connect(number)
        }
    }

    /// Its share of churn, which follows from the seed and the connection's number.
    private func drawLimits(_ connection: UnsafeMutablePointer<Connection>, _ now: UInt64) {
        let settings = plan.plan.connections
        connection.pointee.requestsLeft = .max
        connection.pointee.retiresAt = .max
        guard settings.maxRequests != nil || settings.maxAge != nil else { return }
        connectionsDrawn += 1
        var random = SeededRandom(
            seed: plan.plan.seed, stream: Self.churnStream &+ UInt64(number), number: connectionsDrawn)
        let factor = 1 + settings.spread * (2 * random.unit() - 1)
        if let requests = settings.maxRequests {
            connection.pointee.requestsLeft = UInt32(clamping: max(1, Int((Double(requests) * factor).rounded())))
        }
        if let age = settings.maxAge {
            connection.pointee.retiresAt = now &+ UInt64(min(Double(age.nanoseconds) * factor, 0x1p62))
        }
    }

    private static let churnStream: UInt64 = 1 << 48

    // MARK: Name

    /// The target's addresses are too old: the connection waits for new ones.
    private func resolve(_ number: Int32) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        connection.pointee.phase = .resolving
        pools[target].resolving.append((number, connection.pointee.generation))
        resolver.ask(target, bell: lookupBell)
    }

    /// Goes on with the connections whose name has been looked up.
    func continueResolving() {
        var rings: UInt64 = 0
        _ = read(lookupBell, &rings, 8)
        for target in pools.indices where !pools[target].resolving.isEmpty {
            let waiting = pools[target].resolving
            pools[target].resolving = []
            var isOld = false
            for (number, generation) in waiting {
                let connection = connections[number]
                // It may have timed out, and its record may serve another connection by now.
                guard connection.pointee.generation == generation, connection.pointee.phase == .resolving else {
                    continue
                }
                guard let answer = resolver.answer(target, since: connection.pointee.opened) else {
                    pools[target].resolving.append((number, generation))
                    isOld = true
                    continue
                }
                switch answer.addresses {
                case .failure(let failure):
                    failRequest(number, .connection, .lookup(failure.code), Clock.now())
                case .success(let addresses):
                    if answer.at > pools[target].addresses.lookedUp {
                        pools[target].addresses.renew(addresses, at: answer.at)
                    }
                    connection.pointee.resolved = Clock.now()
                    connection.pointee.firstAddress = pools[target].addresses.begin(answer.at)
                    connect(number)
                }
            }
            // The answer that rang is older than some of these connections.
            if isOld { resolver.ask(target, bell: lookupBell) }
        }
    }

    // MARK: TCP

    /// Tries the connection's next address, and the ones after it as long as they fail at once.
    private func connect(_ number: Int32) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        var failure: Int32 = 0
        connection.pointee.phase = .connecting
        while Int(connection.pointee.addressesTried) < pools[target].addresses.count {
            let (place, address) = pools[target].addresses.address(
                from: connection.pointee.firstAddress, tried: Int(connection.pointee.addressesTried))
            connection.pointee.addressesTried += 1
            connection.pointee.address = place
            let descriptor = socket(
                address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else {
                failure = errno
                break
            }
            connection.pointee.generation &+= 1
            connection.pointee.descriptor = descriptor
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
            giveUpAddress(number)
        }
        failConnect(number, failure)
    }

    /// The address that was tried did not work.
    private func giveUpAddress(_ number: Int32) {
        let connection = connections[number]
        pools[Int(connection.pointee.target)].addresses.failed(connection.pointee.address, Clock.now())
        close(connection.pointee.descriptor)
        connection.pointee.descriptor = -1
    }

    private func failConnect(_ number: Int32, _ code: Int32) {
        failRequest(number, .connection, .connect(code), Clock.now())
    }

    /// Edge-triggered for reading and writing at once: one system call in the life of a connection.
    private func watch(_ number: Int32) { control(EPOLL_CTL_ADD, number) }

    /// Has what can be read or written now raise an edge again.
    func watchAgain(_ number: Int32) { control(EPOLL_CTL_MOD, number) }

    private func control(_ operation: Int32, _ number: Int32) {
        let connection = connections[number]
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = UInt64(connection.pointee.generation) << 32 | UInt64(UInt32(bitPattern: number))
        epoll_ctl(epoll, operation, connection.pointee.descriptor, &event)
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
        giveUpAddress(number)
        let tried = Int(connection.pointee.addressesTried)
        if tried < pools[Int(connection.pointee.target)].addresses.count {
            connect(number)
        } else {
            failConnect(number, code)
        }
    }

    private func connected(_ number: Int32) {
        let connection = connections[number]
        let target = Int(connection.pointee.target)
        pools[target].addresses.opened(connection.pointee.address)
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

    // MARK: TLS

    func continueHandshake(_ number: Int32) {
        let connection = connections[number]
        guard let ssl = connection.pointee.ssl else { return }
        errno = 0
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            counters.tlsHandshakes += 1
            if SSL_session_reused(ssl) == 1 { counters.tlsResumed += 1 }
            if TLSClient.speaksHTTP1(ssl) {
                ready(number)
            } else {
                failRequest(number, .tls, .otherProtocol, Clock.now())
            }
            return
        }
        switch TLSClient.fault(ssl, result, errno) {
        case .none: return
        case .closed, .cut: failRequest(number, .tls, .tlsClosed, Clock.now())
        case .failed(.tls(let code)):
            // Without verification the result tells what is wrong with a certificate that did not matter.
            let isVerified = SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0
            let verification = isVerified ? SSL_get_verify_result(ssl) : CLong(X509_V_OK)
            failRequest(
                number, .tls, verification != CLong(X509_V_OK) ? .certificate(verification) : .tls(code), Clock.now())
        case .failed(let cause): failRequest(number, .tls, cause, Clock.now())
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
}
