// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension Worker {
    /// A session's request is due: it is scheduled from here on, and ends in exactly one record.
    func startRequest(_ id: Int32, _ index: Int32) {
        let session = sessions[id]
        // Nobody overtakes what was held back before.
        if isFull || (isCongested && !session.pointee.isHeldBack), !isAborting, session.pointee.emptyFeeder < 0 {
            session.pointee.isHeldBack = true
            session.pointee.state = .heldBack
            heldBack.append(id)
            isCongested = true
            return
        }
        session.pointee.request = index
        session.pointee.intended = session.pointee.due
        session.pointee.sent = 0
        session.pointee.sentAll = 0
        session.pointee.firstByte = 0
        session.pointee.pickedUp = 0
        session.pointee.passedChecks = 0
        counters.scheduled += 1
        if session.pointee.isHeldBack { counters.heldBack += 1 }
        if isAborting || session.pointee.emptyFeeder >= 0 {
            refuse(id)
            return
        }
        if !session.pointee.hasRequested {
            session.pointee.hasRequested = true
            counters.journeysStarted += 1
        }
        counters.inFlight += 1
        let target = plan.requests[Int(index)].target
        if let connection = takeIdleConnection(for: id, target) {
            session.pointee.state = .active
            bind(connection, id)
            send(connection)
        } else {
            session.pointee.pickedUp = Clock.now()
            session.pointee.state = .waiting
            if makeRoom(target) {
                session.pointee.state = .active
                openConnection(to: target, for: id)
            } else {
                pools[Int(target)].enqueue(id)
            }
        }
    }

    /// A request that is not even tried: because everything ends, or because it has no row, and then its age is taken at the end of
    /// the run.
    private func refuse(_ id: Int32) {
        let session = sessions[id]
        let end = isAborting ? Clock.now() : 0
        // What comes due and finds that everything ends was taken up this late: by the generator's own fault, unless it had to wait
        // for others to end.
        let pickedUp = session.pointee.isHeldBack ? 0 : end
        record(
            RequestRecord(
                intended: session.pointee.intended, pickedUp: pickedUp, sent: 0, firstByte: 0, end: end,
                step: session.pointee.request, outcome: .neverStarted, part: .wait))
        session.pointee.state = .thinking
        let feeder = session.pointee.emptyFeeder
        if !isAborting || session.pointee.isHeldBack {
            let cause = feeder >= 0 ? FailureKey.Cause.noRow(feeder) : .tooManyInFlight
            failures[FailureKey(step: session.pointee.request, cause: cause), default: 0] += 1
        }
        session.pointee.isHeldBack = false
        deferred.append(id)
    }

    /// Writes the session's request to its connection, which is ready for it.
    func send(_ number: Int32) {
        let connection = connections[number]
        let session = sessions[connection.pointee.session]
        let compiled = plan.requests[Int(session.pointee.request)]
        connection.pointee.phase = .active
        connection.pointee.parser.reset(expectsNoBody: compiled.expectsNoBody)
        connection.pointee.body.removeAll()
        var bytes = compiled.literal
        if bytes.isEmpty {
            request.removeAll()
            let jar = jars.isEmpty ? nil : jars[Int(connection.pointee.session)]
            request.write(compiled.segments, session: session, plan: plan, jar: jar, target: compiled.target)
            bytes = request.bytes
        }
        let now = Clock.now()
        session.pointee.sent = now
        session.pointee.sentAll = now
        if session.pointee.pickedUp == 0 { session.pointee.pickedUp = now }
        deadlines.add(number, class: compiled.timeoutClass, now: now)
        write(number, bytes)
    }

    /// The answer is complete. `extra`: bytes that came after it, or a close, make the connection useless.
    func finishRequest(_ number: Int32, _ now: UInt64, body: UnsafeRawBufferPointer, isClean: Bool) {
        let connection = connections[number]
        let id = connection.pointee.session
        let session = sessions[id]
        let index = session.pointee.request
        let compiled = plan.requests[Int(index)]
        let status = connection.pointee.parser.status
        var outcome = OutcomeIndex.ok
        if !compiled.expects(status) {
            outcome = status == 429 || status == 503 ? .rejected : .errorStatus
            failures[FailureKey(step: index, cause: .status(status)), default: 0] += 1
        } else if !compiled.captures.isEmpty, let cause = capture(compiled, session, status, body) {
            outcome = .checkFailed
            failures[FailureKey(step: index, cause: cause), default: 0] += 1
        }
        if !compiled.checks.isEmpty, let cause = check(compiled, session, status, body, now), outcome == .ok {
            outcome = .checkFailed
            failures[FailureKey(step: index, cause: cause), default: 0] += 1
        }
        endRequest(session, connection, outcome, .receive, now)
        deadlines.remove(number)
        connection.pointee.served &+= 1
        connection.pointee.session = -1
        session.pointee.connection = -1
        connection.pointee.requestsLeft &-= 1
        let isReusable =
            isClean && connection.pointee.parser.keepsAlive
            && connection.pointee.outgoingOffset == connection.pointee.outgoing.count
            && plan.plan.connections.strategy != .perRequest
            && connection.pointee.requestsLeft > 0 && now < connection.pointee.retiresAt
        let owner = connection.pointee.owner
        if isReusable { makeAvailable(number, now) } else { closeConnection(number, isSound: true) }
        if outcome == .ok {
            session.pointee.step += 1
            takeSteps(id)
        } else {
            deferred.append(id)
        }
        if owner >= 0 { yieldConnection(number, of: owner) }
    }

    /// A request that got no connection in its time.
    func failWaiting(_ id: Int32, _ now: UInt64) {
        let session = sessions[id]
        failures[FailureKey(step: session.pointee.request, cause: .noConnection), default: 0] += 1
        failChecks(plan.requests[Int(session.pointee.request)], session)
        endRequest(session, nil, .noConnection, .wait, now)
        deferred.append(id)
    }

    /// The request on this connection came to nothing. The connection goes with it.
    func failRequest(_ number: Int32, _ outcome: OutcomeIndex, _ cause: FailureKey.Cause, _ now: UInt64) {
        let connection = connections[number]
        let id = connection.pointee.session
        connection.pointee.session = -1
        if id >= 0 {
            let session = sessions[id]
            failures[FailureKey(step: session.pointee.request, cause: cause), default: 0] += 1
            failChecks(plan.requests[Int(session.pointee.request)], session)
            endRequest(session, connection, outcome, part(session, connection), now)
            session.pointee.connection = -1
            deferred.append(id)
        }
        closeConnection(number, isSound: false)
    }

    /// `connection` is the request's own, or nil for one that never had any.
    @inline(__always)
    private func endRequest(
        _ session: UnsafeMutablePointer<Session>, _ connection: UnsafeMutablePointer<Connection>?,
        _ outcome: OutcomeIndex, _ part: PartIndex, _ now: UInt64
    ) {
        counters.inFlight -= 1
        session.pointee.due = now
        session.pointee.state = .thinking
        let pickedUp = session.pointee.isHeldBack ? 0 : session.pointee.pickedUp
        session.pointee.isHeldBack = false
        let request = RequestRecord(
            intended: session.pointee.intended, pickedUp: pickedUp, sent: session.pointee.sent,
            firstByte: session.pointee.firstByte, end: now, step: session.pointee.request, outcome: outcome, part: part)
        if let connection, connection.pointee.served == 0 || session.pointee.sentAll != session.pointee.sent {
            record(request, detail(session, connection))
        } else {
            record(request)
        }
    }

    /// What there is to tell of a request that was the first on its connection, or was taken in pieces.
    private func detail(
        _ session: UnsafeMutablePointer<Session>, _ connection: UnsafeMutablePointer<Connection>
    ) -> RequestDetail {
        var detail = RequestDetail(sentAll: session.pointee.sentAll)
        if connection.pointee.served > 0 { return detail }
        let sent = session.pointee.sent
        detail.opened = connection.pointee.opened
        detail.resolved = connection.pointee.resolved
        detail.connected = connection.pointee.connected == 0 ? sent : connection.pointee.connected
        if connection.pointee.connected != 0 { detail.secured = sent }
        return detail
    }

    /// The part that a request is in.
    private func part(
        _ session: UnsafeMutablePointer<Session>, _ connection: UnsafeMutablePointer<Connection>
    ) -> PartIndex {
        switch connection.pointee.phase {
        case .resolving: .dns
        case .connecting, .closed: .connect
        case .handshaking: .tls
        case .active, .idle:
            session.pointee.sentAll == 0 ? .send : session.pointee.firstByte == 0 ? .firstByte : .receive
        }
    }

    /// Requests whose time is up, and connections that have been idle for long enough.
    func expireDue(_ now: UInt64) {
        while true {
            let number = deadlines.firstDue(now)
            if number < 0 { return }
            let connection = connections[number]
            switch connection.pointee.phase {
            case .idle: closeConnection(number, isSound: true)
            case .resolving: failRequest(number, .timeout, .lookupTimeout, now)
            case .connecting:
                pools[Int(connection.pointee.target)].addresses.failed(connection.pointee.address, now)
                failRequest(number, .timeout, .connectTimeout, now)
            case .handshaking: failRequest(number, .timeout, .handshakeTimeout, now)
            default:
                let hasBegun = sessions[connection.pointee.session].pointee.firstByte != 0
                failRequest(number, .timeout, hasBegun ? .slowAnswer : .noAnswer, now)
            }
        }
    }

    /// Ends everything that is under way, and records what came due without being started.
    func abortAll(_ now: UInt64) {
        isAborting = true
        for source in sources.indices { abort(source: Int32(source), now) }
        for number in 0..<connections.count where connections[number].pointee.phase != .closed {
            connections[number].pointee.session = -1
            closeConnection(number, isSound: connections[number].pointee.phase == .idle)
        }
    }

    /// Ends what is under way of one source: requests with a connection are aborted, requests that wait for one, arrivals and
    /// steps that are due were never started.
    func abort(source: Int32, _ now: UInt64) {
        // Journeys that ended with their last request are not aborted.
        continueDeferred()
        let othersGoOn = !isAborting
        isAborting = true
        for id in 0..<sessions.count where sessions[id].pointee.source == source {
            let session = sessions[id]
            switch session.pointee.state {
            case .active:
                let connection = connections[session.pointee.connection]
                endRequest(session, connection, .aborted, part(session, connection), now)
                connection.pointee.session = -1
                closeConnection(session.pointee.connection, isSound: false)
                deferred.append(id)
            case .waiting:
                endRequest(session, nil, .neverStarted, .wait, now)
                deferred.append(id)
            case .heldBack: continueSession(id)
            case .thinking, .free: break
            }
        }
        heldBack.removeAll { sessions[$0].pointee.state != .heldBack }
        for target in pools.indices { pools[target].removeWaiting { sessions[$0].pointee.state != .waiting } }
        startDueArrivals(now, of: Int(source))
        while true {
            continueDeferred()
            let due = thinking.removeAll { sessions[$0].pointee.source == source && $1 <= now }
            if due.isEmpty { break }
            for id in due { continueSession(id) }
        }
        for id in thinking.removeAll(where: { session, _ in sessions[session].pointee.source == source }) {
            endJourney(id, finished: false)
        }
        guard othersGoOn else { return }
        isAborting = false
        for target in pools.indices { openForWaiting(target) }
    }
}
