// SPDX-License-Identifier: Apache-2.0

/// One source as a worker plays its share of it.
struct SourceState {
    let isClosed: Bool
    /// Of its time, graceful stop not included; after the start of the load.
    let end: UInt64
    /// Arrivals of an open source.
    private var schedule: ArrivalSchedule
    private var nextArrival: ArrivalSchedule.Arrival?
    /// Users of a closed source.
    private var users: UserSchedule
    /// By user number divided by the number of workers.
    private var played: [User]
    private let workers: UInt64
    /// Its graceful stop is over.
    var isCut = false
    /// Journeys that this worker's users may still begin.
    private var iterationsLeft: Int
    private let isLimited: Bool
    /// Index into `journeys`, and the share of all weights up to and including it, scaled to 2^64.
    private let weights: [(journey: Int32, upTo: UInt64)]
    private var rows: RowCounter
    /// This worker's users, and how many of them have gone because a feeder had no row for them.
    private let userCount: Int
    private var usersWithoutRow = 0

    private struct User {
        var isRunning = false
        var isWithoutRow = false
        /// When it was to come back while a journey from before was under way, after the start of the load; 0 for not.
        var comesBackAt: UInt64 = 0
        /// Journeys begun. They go on counting when the user comes back later, so that no journey's data is repeated.
        var journeys: UInt64 = 0
    }

    init(plan compiled: CompiledPlan, index: Int, worker: Int) {
        let plan = compiled.plan
        let source = plan.sources[index]
        let total = source.journeys.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        weights = source.journeys.map { entry in
            sum += entry.weight
            return (Int32(entry.journey), sum >= total ? .max : UInt64(min(sum / total * 0x1p64, 0x1.fffffffffffffp63)))
        }
        isClosed = source.rate.isClosed
        end = source.startOffset.nanoseconds + source.duration.nanoseconds
        schedule = ArrivalSchedule(
            source: source, seed: plan.seed, stream: UInt64(index), worker: worker, of: plan.workers)
        nextArrival = schedule.nextArrival()
        users = UserSchedule(source: source, worker: worker, of: plan.workers)
        workers = UInt64(plan.workers)
        played = Array(repeating: User(), count: Int(users.userCount / workers) + 1)
        userCount = (Int(users.userCount) + plan.workers - 1 - worker) / plan.workers
        rows = RowCounter(compiled, source: index, users: played.count)
        isLimited = source.iterations != nil
        let allUsers = users.userCount
        iterationsLeft = source.iterations.map { Self.share(of: $0, allUsers, worker, plan.workers) } ?? .max
    }

    /// When the next arrival or user is due after the start of the load; nil when there is none.
    var nextOffset: UInt64? { isClosed ? (isExhausted ? nil : users.nextStart) : nextArrival?.nanoseconds }

    /// Iterations are dealt to the users in turn, as users are to the workers.
    private static func share(of iterations: Int, _ users: UInt64, _ worker: Int, _ workers: Int) -> Int {
        let users = Int(users)
        guard worker < users else { return 0 }
        // Numbers below `count` that leave the worker's number when divided by the number of workers.
        func mine(_ count: Int) -> Int { count / workers + (worker < count % workers ? 1 : 0) }
        return iterations / users * mine(users) + mine(iterations % users)
    }

    /// Whether no journey can begin any more, long before its end as it may be.
    var isExhausted: Bool {
        isLimited && iterationsLeft == 0 || isClosed && usersWithoutRow > 0 && usersWithoutRow == userCount
    }

    /// A closed user goes for good.
    mutating func leaveWithoutRow(_ number: UInt64) {
        let position = Int(number % users.userCount / workers)
        played[position].isRunning = false
        played[position].isWithoutRow = true
        usersWithoutRow += 1
    }

    /// Takes the next arrival; nil when nobody arrives after all: a user who comes back in a journey from before just goes on.
    mutating func takeArrival() -> ArrivalSchedule.Arrival? {
        if !isClosed {
            defer { nextArrival = schedule.nextArrival() }
            return nextArrival
        }
        guard let start = users.takeStart() else { return nil }
        let position = Int(start.user / workers)
        if played[position].isRunning { played[position].comesBackAt = start.nanoseconds }
        guard !played[position].isRunning, !played[position].isWithoutRow, takeIteration() else { return nil }
        played[position].isRunning = true
        return .init(number: journeyNumber(of: start.user), nanoseconds: start.nanoseconds)
    }

    /// A closed user's next journey, or nil when the user goes. `time`, when the last one ended, is after the start of the load.
    mutating func nextJourney(after number: UInt64, at time: UInt64) -> ArrivalSchedule.Arrival? {
        let user = number % users.userCount
        let position = Int(user / workers)
        // The end of a journey may be noticed later than the time at which its user comes back, although it came before.
        let back = max(time, played[position].comesBackAt)
        played[position].comesBackAt = 0
        if back > time || users.isActive(user, at: time), takeIteration() {
            return .init(number: journeyNumber(of: user), nanoseconds: back)
        }
        played[position].isRunning = false
        return nil
    }

    /// The number of a user's next journey: no other journey of the source has it.
    private mutating func journeyNumber(of user: UInt64) -> UInt64 {
        let position = Int(user / workers)
        defer { played[position].journeys += 1 }
        return user &+ played[position].journeys &* users.userCount
    }

    private mutating func takeIteration() -> Bool {
        if iterationsLeft == 0 { return false }
        if isLimited { iterationsLeft -= 1 }
        return true
    }

    /// Gives a session its rows; nil, or the feeder that has none left. The session has its journey and its number.
    mutating func takeRows(_ session: UnsafeMutablePointer<Session>, _ plan: CompiledPlan) -> Int32? {
        let weights = weights
        return rows.take(session, plan, users: users.userCount) { Self.drawJourney(weights, &$0) }
    }

    /// A journey, by the weights.
    func drawJourney(_ random: inout SeededRandom) -> Int32 { Self.drawJourney(weights, &random) }

    private static func drawJourney(
        _ weights: [(journey: Int32, upTo: UInt64)], _ random: inout SeededRandom
    ) -> Int32 {
        if weights.count == 1 { return weights[0].journey }
        let drawn = random.next()
        for entry in weights where drawn <= entry.upTo { return entry.journey }
        return weights[weights.count - 1].journey
    }
}

extension Worker {
    /// A closed user waits this long after a journey that failed or did nothing, so that a dead server does not turn the loop into
    /// a storm of failures. Part of its think time, not of any response time.
    private static let pauseAfterFailure: UInt64 = 10_000_000
    /// A session that takes this many steps without waiting for anything, in loops whose requests are all left out, makes way for
    /// the others.
    private static let mostStepsAtOnce = 10_000
    private static let mostContinuedAtOnce = 1_000

    /// Sessions that are taken up before the loop looks at its sockets again; it comes back at once.
    private static let mostAtOnce = 64
    /// Arrivals that are taken up after the end of their source count as missed when they are later than this.
    private static let tolerance: UInt64 = 100_000_000

    /// Starts every arrival that is due, as far as the number in flight allows. All of them in the end: being late is recorded, never
    /// made up for by leaving some out.
    func startDueArrivals(_ now: UInt64) {
        if isCongested {
            startHeldBack(now)
        } else {
            for index in sources.indices { startDueArrivals(now, of: index) }
        }
    }

    func startDueArrivals(_ now: UInt64, of index: Int) {
        var started = 0
        while let offset = sources[index].nextOffset, start &+ offset <= now {
            if isFull, !isAborting {
                isCongested = true
                break
            }
            startArrival(of: index, now)
            started += 1
            if started % Self.mostAtOnce == 0 {
                // The backlog of a load that is cut may be long: its sessions are not needed all at once.
                if isAborting { continueDeferred() } else { break }
            }
        }
    }

    /// Starts what was held back while there is room, first what was due first. What comes due meanwhile queues up behind it.
    private func startHeldBack(_ now: UInt64) {
        var started = 0
        while !isFull, started < Self.mostAtOnce {
            var (first, due) = (-1, UInt64.max)
            for index in sources.indices {
                if let offset = sources[index].nextOffset, start &+ offset < due {
                    (first, due) = (index, start &+ offset)
                }
            }
            if let id = heldBack.first, sessions[id].pointee.due <= due {
                _ = heldBack.popFirst()
                takeSteps(id)
            } else if due <= now {
                startArrival(of: first, now)
            } else {
                isCongested = false
                return
            }
            started += 1
        }
    }

    private func startArrival(of index: Int, _ now: UInt64) {
        guard let arrival = sources[index].takeArrival() else { return }
        let due = start &+ arrival.nanoseconds
        if !sources[index].isClosed {
            counters.arrivals += 1
            if isAborting || now >= start &+ sources[index].end, now &- min(due, now) > Self.tolerance {
                counters.missedArrivals += 1
            }
        }
        startSession(source: Int32(index), number: arrival.number, due: due)
    }

    private func startSession(source: Int32, number: UInt64, due: UInt64) {
        let id = sessions.acquire()
        let session = sessions[id]
        if session.pointee.variables == nil, plan.variableCount > 0 {
            session.pointee.variables = .allocate(capacity: plan.variableCount)
        }
        if session.pointee.ownConnections == nil, plan.plan.connections.strategy == .perUser {
            session.pointee.ownConnections = .allocate(capacity: pools.count)
            session.pointee.ownConnections?.initialize(repeating: -1, count: pools.count)
        }
        session.pointee.source = source
        session.pointee.isHeldBack = isCongested
        if plan.hasUserState { beginUser(id) }
        beginJourney(id, number: number, due: due)
    }

    /// Gives a session what a new user has: first values, no rows, no cookies.
    private func beginUser(_ id: Int32) {
        let session = sessions[id]
        if plan.loopDepth > 0, session.pointee.rounds == nil {
            session.pointee.rounds = .allocate(capacity: plan.loopDepth)
            session.pointee.rounds?.initialize(repeating: 0, count: plan.loopDepth)
        }
        if !plan.feeders.isEmpty {
            if session.pointee.rows == nil { session.pointee.rows = .allocate(capacity: plan.feeders.count) }
            session.pointee.rows?.initialize(repeating: -1, count: plan.feeders.count)
        }
        if plan.plan.cookies {
            while jars.count <= Int(id) { jars.append(CookieJar()) }
            jars[Int(id)].removeAll()
        }
        if !plan.plan.kept.isEmpty {
            session.pointee.clearValues(plan.variableCount, keeping: 0)
            for (index, value) in plan.plan.kept.enumerated() {
                session.pointee.setValue(of: Int32(index), count: plan.variableCount) { output in
                    value.withUnsafeBytes { output.append($0) }
                    return true
                }
            }
        }
    }

    /// Draws what belongs to a session as a whole, and takes its first step.
    private func beginJourney(_ id: Int32, number: UInt64, due: UInt64) {
        let session = sessions[id]
        let source = Int(session.pointee.source)
        var random = SeededRandom(seed: plan.plan.seed, stream: UInt64(source), number: number)
        let journey = sources[source].drawJourney(&random)
        let table = plan.journeys[Int(journey)].userTable
        session.pointee.userRow = table >= 0 ? plan.tables[Int(table)].draw(&random) : 0
        session.pointee.journey = journey
        session.pointee.number = number
        session.pointee.firstCounter = plan.counters.first(ofSession: number, source: source)
        session.pointee.random = random
        session.pointee.step = 0
        session.pointee.due = due
        session.pointee.hasRequested = false
        session.pointee.connection = -1
        session.pointee.drawnCounters = 0
        if plan.variableCount > 0 {
            session.pointee.clearValues(plan.variableCount, keeping: plan.plan.kept.count)
        }
        if !plan.feeders.isEmpty {
            session.pointee.emptyFeeder = sources[source].takeRows(session, plan) ?? -1
            if session.pointee.emptyFeeder >= 0, sources[source].isClosed {
                // Nothing was due: a closed loop has no schedule, so nothing is left out by ending it.
                let cause = FailureKey.Cause.noRow(session.pointee.emptyFeeder)
                failures[FailureKey(step: plan.journeys[Int(journey)].firstRequest, cause: cause), default: 0] += 1
                sources[source].leaveWithoutRow(number)
                session.pointee.state = .free
                sessions.release(id)
                return
            }
        }
        takeSteps(id)
    }

    /// Takes steps until one has to wait: for a time, for a connection or for an answer.
    func takeSteps(_ id: Int32) {
        let session = sessions[id]
        let steps = plan.journeys[Int(session.pointee.journey)].steps
        var taken = 0
        while Int(session.pointee.step) < steps.count {
            taken += 1
            if taken == Self.mostStepsAtOnce {
                session.pointee.state = .thinking
                thinking.add(id, deadline: Clock.now() + 1_000_000)
                return
            }
            switch steps[Int(session.pointee.step)] {
            case .think(let think):
                let pause = think.draw(&session.pointee.random)
                session.pointee.step += 1
                // By way of the timers, a loop of no pauses would never come to its limit of steps.
                if pause == 0 { continue }
                session.pointee.due += pause
                session.pointee.state = .thinking
                thinking.add(id, deadline: session.pointee.due)
                return
            case .request(let index):
                startRequest(id, index)
                return
            case .jumpUnlessSet(let variable, let end):
                session.pointee.step = session.pointee.value(of: variable).isEmpty ? end : session.pointee.step + 1
            case .jumpUnless(let condition, let end):
                let holds = holds(plan.conditions[Int(condition)], session)
                session.pointee.step = holds ? session.pointee.step + 1 : end
            case .set(let variable, let segments):
                setVariable(variable, segments, session)
                session.pointee.step += 1
            case .beginLoop(let depth):
                session.pointee.rounds?[Int(depth)] = 0
                session.pointee.step += 1
            case .nextRound(let depth, let limit, let start):
                let round = (session.pointee.rounds?[Int(depth)] ?? limit) + 1
                session.pointee.rounds?[Int(depth)] = round
                session.pointee.step = round < limit ? start : session.pointee.step + 1
            }
        }
        endJourney(id, finished: true)
    }

    /// Continues the sessions whose think time is over: so many that the loop looks at its sockets, and at its end, in between.
    func continueDueSessions(_ now: UInt64) {
        for _ in 0..<Self.mostContinuedAtOnce {
            guard let (id, _) = thinking.popDue(now) else { return }
            continueSession(id)
        }
    }

    func continueSession(_ id: Int32) {
        if sessions[id].pointee.step < 0 { restart(id) } else { takeSteps(id) }
    }

    /// Continues sessions whose request failed where its caller could not go on with them.
    func continueDeferred() {
        for _ in 0..<deferred.count {
            guard let id = deferred.popFirst() else { return }
            endJourney(id, finished: false)
        }
    }

    /// The end of a journey, by its last step or by a request that was not `ok`.
    func endJourney(_ id: Int32, finished: Bool) {
        let session = sessions[id]
        if finished && session.pointee.hasRequested { counters.journeysFinished += 1 }
        if finished && !session.pointee.hasRequested { counters.journeysIdle += 1 }
        closeOwnConnections(id)
        guard sources[Int(session.pointee.source)].isClosed, !isDraining, !isAborting else {
            session.pointee.state = .free
            sessions.release(id)
            return
        }
        if finished && session.pointee.hasRequested {
            restart(id)
        } else {
            session.pointee.due = Swift.max(session.pointee.due, Clock.now()) + Self.pauseAfterFailure
            session.pointee.step = -1
            session.pointee.state = .thinking
            thinking.add(id, deadline: session.pointee.due)
        }
    }

    /// The next journey of a closed user, when there is one.
    private func restart(_ id: Int32) {
        let session = sessions[id]
        let source = Int(session.pointee.source)
        let ended = session.pointee.due &- start
        if isDraining || isAborting {
            session.pointee.state = .free
            sessions.release(id)
        } else if let next = sources[source].nextJourney(after: session.pointee.number, at: ended) {
            beginJourney(id, number: next.number, due: start &+ next.nanoseconds)
        } else {
            session.pointee.state = .free
            sessions.release(id)
        }
    }
}
