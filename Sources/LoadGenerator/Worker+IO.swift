// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import COpenSSL
internal import Glibc

extension Worker {
    /// Something happened to a connection.
    func handle(_ event: epoll_event) {
        if event.data.u64 >= Self.echoes {
            if event.data.u64 == Self.echoes { canary?.receive() }
            if event.data.u64 == Self.lookups { continueResolving() }
            return
        }
        let number = Int32(bitPattern: UInt32(truncatingIfNeeded: event.data.u64))
        let connection = connections[number]
        guard connection.pointee.generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32) else { return }
        let isOver = event.events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        let isReadable = isOver || event.events & EPOLLIN.rawValue != 0
        switch connection.pointee.phase {
        case .active:
            if connection.pointee.outgoingOffset < connection.pointee.outgoing.count { flush(number) }
            // A failed flush may have closed it.
            if isReadable, connection.pointee.phase == .active { receive(number, isOver: isOver) }
        case .idle: if isReadable { receiveUnasked(number) }
        case .connecting: if isReadable || event.events & EPOLLOUT.rawValue != 0 { continueConnecting(number) }
        case .handshaking: continueHandshake(number)
        case .closed, .resolving: break
        }
    }

    // MARK: Writing

    /// Writes a request; what the kernel does not take now is kept for later.
    func write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) {
        let connection = connections[number]
        let written = put(connection, bytes)
        if written == bytes.count { return }
        sessions[connection.pointee.session].pointee.sentAll = 0
        if written < 0 {
            failRequest(
                number, connection.pointee.ssl == nil ? .connection : .tls, writeFailure(connection), Clock.now())
            return
        }
        connection.pointee.outgoing.removeAll()
        connection.pointee.outgoing.append(UnsafeRawBufferPointer(rebasing: bytes[written...]))
        connection.pointee.outgoingOffset = 0
    }

    /// Goes on with a request that was not taken in whole.
    private func flush(_ number: Int32) {
        let connection = connections[number]
        while connection.pointee.outgoingOffset < connection.pointee.outgoing.count {
            let rest = UnsafeRawBufferPointer(
                rebasing: connection.pointee.outgoing.bytes[connection.pointee.outgoingOffset...])
            let written = put(connection, rest)
            if written < 0 {
                failRequest(
                    number, connection.pointee.ssl == nil ? .connection : .tls, writeFailure(connection), Clock.now())
                return
            }
            if written == 0 { return }
            connection.pointee.outgoingOffset += written
        }
        connection.pointee.outgoing.removeAll()
        connection.pointee.outgoingOffset = 0
        let session = sessions[connection.pointee.session]
        if session.pointee.sentAll == 0 { session.pointee.sentAll = Clock.now() }
    }

    /// Bytes taken: 0 when the socket is full, −1 with `errno` when it is broken.
    private func put(_ connection: UnsafeMutablePointer<Connection>, _ bytes: UnsafeRawBufferPointer) -> Int {
        var written = 0
        if let ssl = connection.pointee.ssl {
            let result = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
            written = Int(result)
            if result <= 0 {
                let error = SSL_get_error(ssl, result)
                if error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ {
                    ERR_clear_error()
                    return -1
                }
                written = 0
            }
        } else {
            repeat {
                written = Glibc.send(connection.pointee.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            } while written < 0 && errno == EINTR
            if written < 0 { return errno == EAGAIN ? 0 : -1 }
        }
        counters.bytesSent += UInt64(written)
        return written
    }

    private func writeFailure(_ connection: UnsafeMutablePointer<Connection>) -> FailureKey.Cause {
        let code = errno
        if connection.pointee.served > 0, code == EPIPE || code == ECONNRESET { return .closedOnReuse }
        return .broken(code)
    }

    // MARK: Reading

    private enum Input { case bytes(Int), nothing, end, broken(FailureKey.Cause) }

    private func get(_ connection: UnsafeMutablePointer<Connection>) -> Input {
        if let ssl = connection.pointee.ssl {
            let count = SSL_read(ssl, input.baseAddress, Int32(input.count))
            if count > 0 { return .bytes(Int(count)) }
            let code = errno
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .nothing
            case SSL_ERROR_ZERO_RETURN: return .end
            case SSL_ERROR_SSL:
                let reason = ERR_peek_last_error()
                ERR_clear_error()
                return .broken(.tls(reason))
            default:
                ERR_clear_error()
                return code == 0 ? .end : .broken(.broken(code))
            }
        }
        while true {
            let count = recv(connection.pointee.descriptor, input.baseAddress, input.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .nothing }
            if errno != EINTR { return .broken(.broken(errno)) }
        }
    }

    /// Reads an answer as far as it has come. `isOver`: the server has closed its side, so the end will be found by reading on.
    private func receive(_ number: Int32, isOver: Bool) {
        let connection = connections[number]
        while true {
            switch get(connection) {
            case .nothing: return
            case .end:
                endOfInput(number)
                return
            case .broken(let cause):
                failRequest(
                    number, connection.pointee.ssl == nil ? .connection : .tls, brokenCause(connection, cause),
                    Clock.now())
                return
            case .bytes(let count):
                let now = Clock.now()
                counters.bytesReceived += UInt64(count)
                let session = sessions[connection.pointee.session]
                if session.pointee.firstByte == 0 {
                    session.pointee.firstByte = now
                    // An answer to what was not sent in whole yet ends the sending as far as its time goes.
                    if session.pointee.sentAll == 0 { session.pointee.sentAll = now }
                }
                if consume(number, UnsafeRawBufferPointer(rebasing: input[..<count]), now, isOver: isOver) { return }
                // A read that did not fill the buffer emptied the socket; more will raise another edge.
                if count < input.count && connection.pointee.ssl == nil && !isOver { return }
            }
        }
    }

    /// Gives bytes to the parser; true when the request is over, and with it perhaps the connection.
    private func consume(_ number: Int32, _ received: UnsafeRawBufferPointer, _ now: UInt64, isOver: Bool) -> Bool {
        let connection = connections[number]
        let session = sessions[connection.pointee.session]
        let compiled = plan.requests[Int(session.pointee.request)]
        var bytes = received
        if !connection.pointee.unfinishedHead.isEmpty {
            connection.pointee.unfinishedHead.append(received)
            bytes = connection.pointee.unfinishedHead.bytes
        }
        // A body that comes in one piece is searched where it lies.
        var piece = UnsafeRawBufferPointer(start: nil, count: 0)
        var parser = connection.pointee.parser
        let result = parser.parse(bytes) { part in
            if compiled.readsBody {
                keep(piece, of: connection)
                piece = part
            }
        }
        connection.pointee.parser = parser
        if compiled.readsHead, parser.headEnd > 0 {
            readHead(
                compiled, connection.pointee.session,
                UnsafeRawBufferPointer(rebasing: bytes[parser.headStart..<parser.headEnd]))
        }
        switch result {
        case .needMore(let consumed):
            keep(piece, of: connection)
            if parser.state == .head {
                keepUnfinishedHead(connection, bytes, from: consumed)
            } else {
                connection.pointee.unfinishedHead.removeAll()
            }
            return false
        case .malformed(let problem):
            failRequest(number, .malformed, .malformed(problem), now)
            return true
        case .complete(let consumed):
            if !connection.pointee.body.isEmpty {
                keep(piece, of: connection)
                piece = connection.pointee.body.bytes
            }
            let isClean = consumed == bytes.count && !isOver
            connection.pointee.unfinishedHead.removeAll()
            finishRequest(number, now, body: piece, isClean: isClean)
            return true
        }
    }

    private func keep(_ piece: UnsafeRawBufferPointer, of connection: UnsafeMutablePointer<Connection>) {
        if piece.isEmpty || connection.pointee.body.count + piece.count > Self.maximumSearchedBody { return }
        connection.pointee.body.append(piece)
    }

    /// Keeps the bytes after `consumed`, which may lie in `unfinishedHead` itself.
    private func keepUnfinishedHead(
        _ connection: UnsafeMutablePointer<Connection>, _ bytes: UnsafeRawBufferPointer, from consumed: Int
    ) {
        if connection.pointee.unfinishedHead.isEmpty {
            connection.pointee.unfinishedHead.append(UnsafeRawBufferPointer(rebasing: bytes[consumed...]))
        } else if consumed > 0 {
            connection.pointee.unfinishedHead.removeFirst(consumed)
        }
    }

    /// The server has closed its side.
    private func endOfInput(_ number: Int32) {
        let connection = connections[number]
        let now = Clock.now()
        if connection.pointee.parser.endsWithConnection {
            finishRequest(number, now, body: connection.pointee.body.bytes, isClean: false)
            return
        }
        failRequest(number, .connection, brokenCause(connection, .closedInAnswer), now)
    }

    /// A close before any byte of the answer says more than how it came about.
    private func brokenCause(_ connection: UnsafeMutablePointer<Connection>, _ cause: FailureKey.Cause)
        -> FailureKey.Cause
    {
        if sessions[connection.pointee.session].pointee.firstByte != 0 { return cause }
        switch cause {
        case .closedInAnswer, .broken(EPIPE), .broken(ECONNRESET):
            return connection.pointee.served > 0
                ? .closedOnReuse : cause == .closedInAnswer ? .closedBeforeAnswer : cause
        default: return cause
        }
    }

    /// Input on a connection without a request: TLS tickets are welcome, anything else ends it.
    private func receiveUnasked(_ number: Int32) {
        let connection = connections[number]
        if connection.pointee.ssl != nil, case .nothing = get(connection) { return }
        closeConnection(number, isSound: false)
    }
}
