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
        var isReadable = isOver || event.events & EPOLLIN.rawValue != 0
        switch connection.pointee.phase {
        case .active:
            // TLS may have read ahead what there was, or wait for room to write before it reads on.
            if connection.pointee.ssl != nil { isReadable = true }
            // What the server has to say may end the request before all of it is written, or the connection.
            if isReadable { receive(number, isOver: isOver) }
            if connection.pointee.phase == .active,
                connection.pointee.outgoingOffset < connection.pointee.outgoing.count
            {
                flush(number)
            }
        case .idle: if isReadable { receiveUnasked(number) }
        case .connecting, .handshaking:
            if connection.pointee.phase == .handshaking {
                continueHandshake(number)
            } else if isReadable || event.events & EPOLLOUT.rawValue != 0 {
                continueConnecting(number)
            }
            // Edges don't come again: what was there to be read before the request went out is read now.
            if isReadable, connection.pointee.phase == .active { receive(number, isOver: isOver) }
        case .closed, .resolving: break
        }
    }

    // MARK: Writing

    /// Writes a request; what the kernel does not take now is kept for later.
    func write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) {
        let connection = connections[number]
        switch put(connection, bytes) {
        case .taken(bytes.count): return
        case .taken(let count):
            sessions[connection.pointee.session].pointee.sentAll = 0
            connection.pointee.outgoing.removeAll()
            connection.pointee.outgoing.append(UnsafeRawBufferPointer(rebasing: bytes[count...]))
            connection.pointee.outgoingOffset = 0
            // TLS takes a record at a time, and a socket that is not full raises no edge.
            if count > 0, connection.pointee.ssl != nil { flush(number) }
        case .broken(let cause):
            sessions[connection.pointee.session].pointee.sentAll = 0
            // What a server says on a connection that has served others, before anything was sent, is no answer.
            if connection.pointee.served > 0 {
                failRequest(number, cause.brokenOutcome, brokenCause(connection, cause), Clock.now())
            } else {
                failWriting(number, cause)
            }
        }
    }

    /// Goes on with a request that was not taken in whole.
    private func flush(_ number: Int32) {
        let connection = connections[number]
        while connection.pointee.outgoingOffset < connection.pointee.outgoing.count {
            let rest = UnsafeRawBufferPointer(
                rebasing: connection.pointee.outgoing.bytes[connection.pointee.outgoingOffset...])
            switch put(connection, rest) {
            case .taken(0): return
            case .taken(let count): connection.pointee.outgoingOffset += count
            case .broken(let cause):
                failWriting(number, cause)
                return
            }
        }
        connection.pointee.outgoing.removeAll()
        connection.pointee.outgoingOffset = 0
        let session = sessions[connection.pointee.session]
        if session.pointee.sentAll == 0 { session.pointee.sentAll = Clock.now() }
    }

    /// The connection takes no more of the request. The server may have answered before it went, and that says more than how the
    /// writing failed.
    private func failWriting(_ number: Int32, _ cause: FailureKey.Cause) {
        let connection = connections[number]
        let generation = connection.pointee.generation
        receive(number, isOver: true)
        if connection.pointee.generation == generation, connection.pointee.phase == .active {
            failRequest(number, cause.brokenOutcome, brokenCause(connection, cause), Clock.now())
        }
    }

    private enum Output { case taken(Int), broken(FailureKey.Cause) }

    /// Gives bytes to the kernel or to TLS, which take none of them when the socket is full.
    private func put(_ connection: UnsafeMutablePointer<Connection>, _ bytes: UnsafeRawBufferPointer) -> Output {
        var written = 0
        if let ssl = connection.pointee.ssl {
            errno = 0
            let result = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
            if result <= 0 {
                switch TLSClient.fault(ssl, result, errno) {
                case .none: return .taken(0)
                case .closed: return .broken(.broken(EPIPE))
                case .cut: return .broken(.closedInAnswer)
                case .failed(let cause): return .broken(cause)
                }
            }
            written = Int(result)
        } else {
            repeat {
                written = Glibc.send(connection.pointee.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            } while written < 0 && errno == EINTR
            if written < 0 { return errno == EAGAIN ? .taken(0) : .broken(.broken(errno)) }
        }
        counters.bytesSent += UInt64(written)
        return .taken(written)
    }

    // MARK: Reading

    /// `end` is the server's own word that nothing more comes; a TLS connection that ends without it was `cut`.
    private enum Input { case bytes(Int), nothing, end, cut, broken(FailureKey.Cause) }

    private func get(_ connection: UnsafeMutablePointer<Connection>) -> Input {
        if let ssl = connection.pointee.ssl {
            errno = 0
            let count = SSL_read(ssl, input.baseAddress, Int32(input.count))
            if count > 0 { return .bytes(Int(count)) }
            switch TLSClient.fault(ssl, count, errno) {
            case .none: return .nothing
            case .closed: return .end
            case .cut: return .cut
            case .failed(let cause): return .broken(cause)
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

    /// Reads of one connection before the others have their turn, and the loop its look at the time: up to 1 MiB.
    private static let mostReadsAtOnce = 16

    /// Reads an answer as far as it has come. `isOver`: the server has closed its side, so the end will be found by reading on.
    private func receive(_ number: Int32, isOver: Bool) {
        let connection = connections[number]
        var reads = 0
        while true {
            // A server that sends as fast as this side reads must not keep it for ever. What it has sent before it closed ends.
            if reads == Self.mostReadsAtOnce, !isOver {
                watchAgain(number)
                return
            }
            reads += 1
            switch get(connection) {
            case .nothing: return
            case .end:
                endOfInput(number)
                return
            case .cut:
                failRequest(number, .connection, brokenCause(connection, .closedInAnswer), Clock.now())
                return
            case .broken(let cause):
                failRequest(number, cause.brokenOutcome, brokenCause(connection, cause), Clock.now())
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
            let isClean = consumed == bytes.count && !isOver && !hasMore(connection, behind: received.count)
            connection.pointee.unfinishedHead.removeAll()
            finishRequest(number, now, body: piece, isClean: isClean)
            return true
        }
    }

    private func keep(_ piece: UnsafeRawBufferPointer, of connection: UnsafeMutablePointer<Connection>) {
        let room = Self.maximumSearchedBody - connection.pointee.body.count
        connection.pointee.body.append(UnsafeRawBufferPointer(rebasing: piece.prefix(room)))
    }

    /// Whether bytes, or an end, wait behind an answer that was complete with the last read. They were not asked for, and the next
    /// request must not take them for its answer: what was read ahead raises no edge.
    private func hasMore(_ connection: UnsafeMutablePointer<Connection>, behind count: Int) -> Bool {
        var byte: UInt8 = 0
        if let ssl = connection.pointee.ssl {
            if SSL_has_pending(ssl) == 0 { return false }
            errno = 0
            let count = SSL_read(ssl, &byte, 1)
            // Tickets are welcome.
            if count <= 0, case .none = TLSClient.fault(ssl, count, errno) { return false }
            return true
        }
        if count < input.count { return false }
        let more = recv(connection.pointee.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return more >= 0 || errno != EAGAIN
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
