// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Measurement
internal import Patterns
internal import Synchronization

/// One engine thread: an epoll instance with its own connections, sessions, timers and records.
///
/// Everything in here is touched by the worker's thread alone, from ``run()`` to its return; workers share only the compiled plan,
/// which is immutable, and the ``StopFlag``. The files of this type: the loop (here), arrivals and sessions (`Worker+Sessions`),
/// requests (`Worker+Requests`), connections (`Worker+Connections`, `Worker+Pools`) and bytes (`Worker+IO`).
///
/// Exclusivity is not checked at run time for the state of the hot loop: those checks were 17 % of the user time. Safe because one
/// thread uses it, and because no access spans a call that touches the same property: each is a load, a store, or one mutating call
/// of a struct that knows nothing of the worker.
final class Worker {
    let plan: CompiledPlan
    let number: Int
    let mailbox: Mailbox
    private let stop: StopFlag
    /// CLOCK_MONOTONIC of the load's time 0.
    @exclusivity(unchecked) private(set) var start: UInt64 = 0

    let epoll: Int32
    let sessions = Slab(blank: Session())
    let connections = Slab(blank: Connection())
    @exclusivity(unchecked) var pools: [ConnectionPool]
    @exclusivity(unchecked) var sources: [SourceState]
    @exclusivity(unchecked) var thinking = TimerQueue()
    @exclusivity(unchecked) var deadlines: DeadlineLists
    /// Sessions whose next step is taken by the loop, because taking it where its request failed could recurse without end.
    @exclusivity(unchecked) var deferred = WaitingQueue()
    /// Sessions whose request is due and waits until fewer are in flight.
    @exclusivity(unchecked) var heldBack = WaitingQueue()
    /// Something that is due was held back: arrivals are taken in the order of their time, over all sources, until none is left.
    @exclusivity(unchecked) var isCongested = false

    @exclusivity(unchecked) var chunk: RecordChunk
    @exclusivity(unchecked) var counters = WorkerCounters()
    var failures: [FailureKey: UInt64] = [:]
    let maxInFlight: Int
    /// Connections whose limits were drawn.
    @exclusivity(unchecked) var connectionsDrawn: UInt64 = 0
    let waitTimeout: UInt64
    /// How old addresses may be when a connection is made; `UInt64.max` when names are looked up once.
    let dnsRefresh: UInt64
    let resolver: Resolver
    /// eventfd that the resolver writes to when a name has been looked up.
    let lookupBell: Int32
    /// One for each pattern of the plan.
    let matchers: [PatternMatcher]
    /// By session, as many as there have been sessions at once; empty for a plan without cookies.
    @exclusivity(unchecked) var jars: [CookieJar] = []
    /// By the second in which requests were intended, and by check.
    @exclusivity(unchecked) var checkCounts: [[CheckCount]] = []
    /// The load's time is over: users of closed sources don't start again.
    @exclusivity(unchecked) var isDraining = false
    /// Everything ends now: what comes due is recorded as never started.
    @exclusivity(unchecked) var isAborting = false

    /// Where requests are rendered and answers are read. Reused for each.
    @exclusivity(unchecked) var request = RawBytes()
    /// Where the sides of a condition and new values of variables are written. Reused for each.
    @exclusivity(unchecked) var scratch = (RawBytes(), RawBytes())
    let input: UnsafeMutableRawBufferPointer

    @exclusivity(unchecked) private var loadEnd: UInt64 = 0
    @exclusivity(unchecked) private var hardEnd: UInt64 = 0
    /// When the next source is cut: its journeys have had the time of its graceful stop.
    @exclusivity(unchecked) private var nextCut = UInt64.max
    @exclusivity(unchecked) private var nextSecond: UInt64 = 0
    @exclusivity(unchecked) private var stalls = RecordingHistogram()
    /// How long before a deadline the loop wakes up and polls: what the kernel's wake-ups are late by.
    @exclusivity(unchecked) private var margin: UInt64 = 30_000
    private static let marginRange: ClosedRange<UInt64> = 2_000...60_000
    private static let marginStep: UInt64 = 250
    /// When the loop is awake again at the latest.
    @exclusivity(unchecked) private var wakeBy: UInt64 = 0
    /// A wake-up that is later than this counts as a stall of the loop.
    private static let longLate: UInt64 = 1_000_000
    /// User data of the eventfds that ``StopFlag`` and ``Resolver`` ring; no connection has the highest numbers.
    private static let bell = UInt64.max
    static let lookups = UInt64.max - 1
    /// User data of the canary's connection, the lowest of those that stand for no connection of the load.
    static let echoes = UInt64.max - 2
    /// Nil for a worker without one.
    @exclusivity(unchecked) var canary: CanaryProbe?
    /// For tests: called at the end of each second, on the worker's thread.
    var onSecond: ((Int) -> Void)?

    /// - Throws: ``LoadEngineError`` when the kernel has no more epoll instances, or TLS can't be set up.
    init(
        plan: CompiledPlan, number: Int, mailbox: Mailbox, resolver: Resolver, stop: StopFlag
    ) throws(LoadEngineError) {
        self.plan = plan
        self.number = number
        self.mailbox = mailbox
        self.stop = stop
        self.resolver = resolver
        waitTimeout = plan.plan.connections.waitTimeout.nanoseconds
        dnsRefresh = plan.plan.connections.dnsRefresh?.nanoseconds ?? .max
        let workers = plan.plan.workers
        let limit = plan.plan.connections.limitPerTarget
        let share = max(1, limit / workers + (number < limit % workers ? 1 : 0))
        var pools: [ConnectionPool] = []
        for (index, resolved) in plan.targets.enumerated() {
            var tls: TLSClient?
            if let settings = resolved.target.tls { tls = try TLSClient(settings, target: resolved.target) }
            pools.append(ConnectionPool(limit: share, tls: tls, resolved: resolved, idleClass: plan.idleClass(index)))
        }
        self.pools = pools
        sources = plan.plan.sources.indices.map { SourceState(plan: plan, index: $0, worker: number) }
        matchers = plan.patterns.map(PatternMatcher.init)
        deadlines = DeadlineLists(durations: plan.timeouts, connections: connections)
        maxInFlight = max(1, (plan.plan.maxInFlight + workers - 1) / workers)
        chunk = RecordChunk()
        input = .allocate(byteCount: 65_536, alignment: 64)
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        lookupBell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        if epoll < 0 || lookupBell < 0 {
            throw LoadEngineError(.resources, "can't make an epoll instance: \(errorText(errno))")
        }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = Self.bell
        epoll_ctl(epoll, EPOLL_CTL_ADD, stop.descriptor, &event)
        event.data.u64 = Self.lookups
        epoll_ctl(epoll, EPOLL_CTL_ADD, lookupBell, &event)
    }

    /// Fixes the load's time 0, on CLOCK_MONOTONIC: when everything that takes time has been made. Call once, before ``run()``.
    ///
    /// - Parameter probe: The worker's end of a ``Canary``, which it closes at its own end.
    func begin(at start: UInt64, canary probe: Int32? = nil) {
        self.start = start
        loadEnd = start &+ plan.loadNanoseconds
        hardEnd = start &+ (plan.plan.sources.map(\.hardEnd).max() ?? 0)
        nextSecond = start &+ 1_000_000_000
        nextCut = start &+ (plan.plan.sources.map(\.hardEnd).min() ?? 0)
        guard let probe else { return }
        canary = CanaryProbe(descriptor: probe, start: start)
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = Self.echoes
        epoll_ctl(epoll, EPOLL_CTL_ADD, probe, &event)
    }

    deinit {
        resolver.forget(bell: lookupBell)
        close(lookupBell)
        if let canary { close(canary.descriptor) }
        close(epoll)
        input.deallocate()
        request.free()
        scratch.0.free()
        scratch.1.free()
        for number in 0..<sessions.count { sessions[number].pointee.free() }
        for number in 0..<connections.count { connections[number].pointee.free() }
        chunk.free()
    }

    /// Plays the load to its end. Call once, on a thread of its own.
    func run() {
        prepareThread()
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventCapacity)
        defer { events.deallocate() }
        var now = Clock.now()
        var woken = now
        while !stop.isSet {
            startDueArrivals(now)
            continueDueSessions(now)
            expireDue(now)
            expireWaiting(now)
            continueDeferred()
            if let due = canary?.due, due <= now { canary?.send(now) }
            if now >= nextSecond { endSecond(now) }
            if now >= nextCut { cutSources(now) }
            if now >= loadEnd || isPlayedOut(now) {
                isDraining = true
                if (sessions.inUse == 0 && !hasArrivals) || now >= hardEnd { break }
            }
            now = Clock.now()
            stalls.record(now - woken)
            counters.busy += now - woken
            let count = wait(events, now)
            now = Clock.now()
            woken = now
            // Whatever woke it: it was to be awake by then.
            if now > wakeBy + Self.longLate { stalls.record(now - wakeBy) }
            for position in 0..<max(0, count) { handle(events[position]) }
            if count > 0 { now = Clock.now() }
        }
        abortAll(Clock.now())
        handOver(
            endedSecond: nil,
            report: WorkerReport(
                failures: failures, addresses: addressUses, checks: checkCounts, endedAt: Clock.now(),
                exhausted: sources.map(\.isExhausted)))
    }

    private static let eventCapacity = 256

    private func prepareThread() {
        seawall_name_thread("load-\(number)")
        seawall_set_minimal_timer_slack()
        // Signals belong to the other threads; OpenSSL's writes to a closed socket must end as EPIPE here.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
    }

    /// Waits for events until shortly before the next deadline, and polls from there on.
    private func wait(_ events: UnsafeMutablePointer<epoll_event>, _ now: UInt64) -> Int {
        let deadline = nextDeadline()
        if deadline <= now + margin {
            wakeBy = now
            return Int(seawall_epoll_wait(epoll, events, Int32(Self.eventCapacity), 0))
        }
        let sleep = deadline - now - margin
        wakeBy = now + sleep
        let count = seawall_epoll_wait(epoll, events, Int32(Self.eventCapacity), Int64(clamping: sleep))
        if count == 0 {
            // Slept through. Follow the upper quartile of what wake-ups are late by, in small steps: a busy machine's outliers of
            // milliseconds must not make the loop poll, and take the processor from those it waits for.
            let late = Clock.now() &- (now + sleep)
            let aim = late > margin ? margin + 3 * Self.marginStep : margin - Self.marginStep
            margin = min(max(aim, Self.marginRange.lowerBound), Self.marginRange.upperBound)
        }
        return Int(count)
    }

    /// No source can begin another journey: its limit of journeys is used up, or its time is over.
    private func isPlayedOut(_ now: UInt64) -> Bool {
        sources.allSatisfy { $0.isExhausted || now >= start &+ $0.end }
    }

    /// As many requests are in flight as may be.
    var isFull: Bool { counters.inFlight >= maxInFlight }

    private var hasArrivals: Bool { sources.contains { $0.nextOffset != nil } }

    private func nextDeadline() -> UInt64 {
        var next = min(nextSecond, thinking.nextDeadline, deadlines.nextDeadline, nextWaitDeadline)
        if deferred.count > 0 || (isCongested && !isFull) { return 0 }
        if let due = canary?.due { next = min(next, due) }
        // What was held back waits for an end, not for a time.
        for index in sources.indices where !(isCongested && isFull) {
            if let offset = sources[index].nextOffset { next = min(next, start &+ offset) }
        }
        return min(next, isDraining ? hardEnd : loadEnd, nextCut)
    }

    /// Aborts the sources whose graceful stop is over while others go on.
    private func cutSources(_ now: UInt64) {
        nextCut = .max
        for (index, source) in plan.plan.sources.enumerated() {
            let cut = start &+ source.hardEnd
            if cut > now {
                nextCut = min(nextCut, cut)
            } else if !sources[index].isCut {
                sources[index].isCut = true
                abort(source: Int32(index), now)
            }
        }
    }

    // MARK: Handing over

    private func endSecond(_ now: UInt64) {
        let second = Int((nextSecond - start) / 1_000_000_000) - 1
        onSecond?(second)
        handOver(endedSecond: second, report: nil)
        nextSecond += 1_000_000_000
        // After a stall of more than a second, the seconds without anything in them are not worth a handover each.
        while nextSecond <= now { nextSecond += 1_000_000_000 }
    }

    private var addressUses: [AddressUse] {
        zip(plan.plan.targets, pools).flatMap { target, pool in
            pool.addresses.uses.map { use in
                AddressUse(
                    target: target.name, address: "\(use.address)", opened: use.opened, failed: use.failed)
            }
        }
    }

    private func handOver(endedSecond: Int?, report: WorkerReport?) {
        var full = Handover(chunk: chunk, endedSecond: endedSecond, counters: counters, report: report)
        if endedSecond != nil || report != nil {
            full.stalls = stalls.snapshot()
            stalls.removeAll()
            full.canary = canary?.takeLatency() ?? LatencyHistogram()
        }
        chunk = mailbox.exchange(full)
    }

    /// Keeps the record of a request that is over.
    @inline(__always)
    func record(_ record: RequestRecord) {
        if chunk.count == RecordChunk.capacity { handOver(endedSecond: nil, report: nil) }
        chunk.records[chunk.count] = record  // in bounds: a chunk that is full was exchanged for an empty one
        chunk.count += 1
    }

    func record(_ record: RequestRecord, _ detail: RequestDetail) {
        if chunk.count == RecordChunk.capacity { handOver(endedSecond: nil, report: nil) }
        chunk.details[chunk.detailCount] = detail  // in bounds: there are no more details than records
        chunk.detailCount += 1
        var detailed = record
        detailed.detail = UInt16(chunk.detailCount)
        self.record(detailed)
    }
}

/// Tells workers to stop, from any thread, waking them from their waits.
final class StopFlag: Sendable {
    private let flag = Atomic(false)
    /// Readable once the flag is set, for every epoll instance that has it.
    let descriptor: Int32

    init() throws(LoadEngineError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        if descriptor < 0 { throw LoadEngineError(.resources, "can't make an eventfd: \(errorText(errno))") }
    }

    deinit { close(descriptor) }

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() {
        flag.store(true, ordering: .relaxed)
        var one: UInt64 = 1
        _ = Glibc.write(descriptor, &one, 8)
    }
}
