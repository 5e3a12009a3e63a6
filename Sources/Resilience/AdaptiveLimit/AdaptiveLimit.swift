// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Bounds the calls that are under way at once by a limit that it finds out itself, from how long they take.
///
/// For a server it is the number of requests that it can work on before they only wait for each other; for a client
/// the share of the callee that it can have. All methods may be called from any thread; only `acquire(deadline:)` and
/// `run` may wait, and only with a queue.
public final class AdaptiveLimit: Sendable {
    /// How a wait ended.
    enum Resolution: Sendable, Equatable {
        case granted(Ticket)
        case refused(Rejection.Reason)
        case cancelled
    }

    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<AdaptiveLimitOptions>
        var room = WaitingRoom<Resolution>()
    }

    /// What has to be done after the lock was released.
    private struct Afterwards {
        var wakeups: [Wakeup<Resolution>] = []
        var staleAlarm: DelayedAction?
        var moved: (from: Int, to: Int)?
    }

    /// The answer to a call; a ticket is nil when there is nothing to give back.
    enum Admission: Sendable, Equatable {
        case admitted(Ticket?)
        case refused(Rejection)
        /// The call stands in the queue and has to `wait`.
        case wait(UInt64)
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    /// The algorithm's limit, stored under the lock; who is told of a change reads it here, because two changes may be
    /// told in the wrong order.
    private let latest: Atomic<Int>
    private let followers = Mutex<[@Sendable () -> Void]>([])
    private let listener: PolicyListener<AdaptiveLimitEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A limit at its initial value.
    ///
    /// - Parameters:
    ///   - options: The rule and its bounds.
    ///   - algorithm: A rule of one's own instead of the one that the options name; it stays until the options name
    ///     another one.
    ///   - mode: How far the limit may act.
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - time: The clock that round trips are measured with.
    ///   - seed: Where the spread of the probes starts.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: AdaptiveLimitOptions = AdaptiveLimitOptions(), algorithm: (any LimitAlgorithm)? = nil,
        mode: PolicyMode = .enforced, name: String? = nil, time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max), onEvent: (@Sendable (AdaptiveLimitEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            setting: try .checked(options, mode), algorithm: algorithm, time: time, seed: seed,
            listener: PolicyListener(onEvent),
            metrics: PolicyMetrics(
                "adaptive-limit", name: name, reasons: [.limitReached, .queueTimeout, .deadlineTooShort]))
    }

    /// A limit with settings that were checked already.
    init(
        setting: PolicySetting<AdaptiveLimitOptions>, algorithm: (any LimitAlgorithm)? = nil, time: TimeSource,
        seed: UInt64, listener: PolicyListener<AdaptiveLimitEvent>, metrics: PolicyMetrics? = nil
    ) {
        let machine = StateMachine(
            options: setting.options ?? .blank, algorithm: algorithm, seed: seed, at: time.now().nanoseconds)
        metrics?.moved(toLimit: machine.limit)
        latest = Atomic(machine.algorithm.limit)
        core = Mutex(Core(machine: machine, setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.metrics = metrics
        self.time = time
    }

    /// A call under way. One that is dropped without an outcome counts as ignored.
    public struct Permit: ~Copyable, Sendable {
        @usableFromInline let limit: AdaptiveLimit
        /// Nil for a call that nobody looks at.
        @usableFromInline let ticket: Ticket?
        @usableFromInline var isFinished = false

        @inlinable
        init(_ limit: AdaptiveLimit, _ ticket: Ticket?) {
            self.limit = limit
            self.ticket = ticket
        }

        @inlinable
        deinit {
            if !isFinished, let ticket { limit.finish(ticket, .ignored) }
        }

        /// The call has ended.
        ///
        /// - Parameter outcome: What its end says about load.
        @inlinable
        public consuming func end(_ outcome: Outcome) {
            isFinished = true
            if let ticket { limit.finish(ticket, outcome) }
        }
    }

    /// Whether calls have to ask at all.
    @inlinable
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    // MARK: - Calls

    /// Admits a call now or not at all.
    ///
    /// - Parameter share: The share of the limit that the call belongs to.
    /// - Throws: The refusal. It has no `retryAfter`: a call may end at any moment.
    @inlinable
    public func acquire(share: CallShare = .none) throws(Rejection) -> Permit {
        try Permit(self, isActive ? admitNow(share) : nil)
    }

    @usableFromInline
    func admitNow(_ share: CallShare) throws(Rejection) -> Ticket? {
        switch admit(at: time.now(), deadline: nil, share: share, mayWait: false) {
        case .admitted(let ticket): return ticket
        case .refused(let rejection): throw rejection
        // A call that may not wait is never told to.
        case .wait: return nil
        }
    }

    /// Admits a call, after a wait in the queue if need be.
    ///
    /// - Parameters:
    ///   - deadline: When nobody waits for the call any more.
    ///   - share: The share of the limit that the call belongs to.
    /// - Throws: `.rejected` or `.cancelled`.
    public func acquire(
        deadline: MonotonicInstant?, share: CallShare = .none
    ) async throws(ResilienceError<Never>) -> Permit {
        if !isActive { return Permit(self, nil) }
        let start = time.now()
        switch admit(at: start, deadline: deadline, share: share, mayWait: true) {
        case .admitted(let ticket): return Permit(self, ticket)
        case .refused(let rejection): throw .rejected(rejection, last: nil)
        case .wait(let id):
            switch await wait(id, since: start) {
            case .granted(let ticket): return Permit(self, ticket)
            case .refused(let reason): throw .rejected(Rejection(reason), last: nil)
            case .cancelled: throw .cancelled(last: nil)
            }
        }
    }

    /// Asks for a slot.
    func admit(
        at now: MonotonicInstant, deadline: MonotonicInstant?, share: CallShare, mayWait: Bool
    ) -> Admission {
        let nanoseconds = now.nanoseconds
        let (admission, wouldRefuse, afterwards) = core.withLock { core -> (Admission, Bool, Afterwards) in
            switch core.setting.mode {
            case .enforced: break
            case .shadow:
                let (ticket, wouldRefuse) = core.machine.observe(at: nanoseconds, share: share)
                return (.admitted(ticket), wouldRefuse, Afterwards())
            default: return (.admitted(nil), false, Afterwards())
            }
            // What has expired must not fill the queue, and who waits goes first.
            var afterwards = core.machine.queued == 0 ? Afterwards() : settle(&core, at: nanoseconds)
            let latest = deadline?.nanoseconds ?? .max
            switch core.machine.acquire(at: nanoseconds, deadline: latest, share: share, mayWait: mayWait) {
            case .granted(let ticket): return (.admitted(ticket), false, afterwards)
            case .refused: return (.refused(Rejection(.limitReached)), false, afterwards)
            case .waits(let id):
                core.room.register(id)
                let later = settle(&core, at: nanoseconds)
                afterwards.wakeups += later.wakeups
                afterwards.staleAlarm = later.staleAlarm ?? afterwards.staleAlarm
                return (.wait(id), false, afterwards)
            }
        }
        perform(afterwards)
        if wouldRefuse { report(.limitReached, shadow: true) }
        if case .refused = admission { report(.limitReached, shadow: false) }
        return admission
    }

    /// Waits for the slot of a call that was told to; every such call has to come here exactly once.
    func wait(_ id: UInt64, since start: MonotonicInstant) async -> Resolution {
        let resolution = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = core.withLock { $0.room.suspend(id, continuation) }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            let wakeup = core.withLock { core in
                core.machine.cancel(id) ? core.room.resolve(id, .cancelled) : nil
            }
            wakeup?()
        }
        switch resolution {
        case .granted(let ticket):
            let now = time.now()
            if Task.isCancelled {
                finish(ticket, .ignored, at: now)
                return .cancelled
            }
            metrics?.waited(start.duration(to: now))
            listener.report(.waited(start.duration(to: now)))
        case .refused(let reason): report(reason, shadow: false)
        case .cancelled: break
        }
        return resolution
    }

    @usableFromInline
    func finish(_ ticket: Ticket, _ outcome: Outcome) {
        finish(ticket, outcome, at: time.now())
    }

    /// Gives a slot back and takes the call's end into account.
    func finish(_ ticket: Ticket, _ outcome: Outcome, at now: MonotonicInstant) {
        let nanoseconds = now.nanoseconds
        let afterwards = core.withLock { core -> Afterwards in
            let moved = core.machine.finish(ticket, outcome, at: nanoseconds)
            var afterwards = core.machine.queued == 0 ? Afterwards() : settle(&core, at: nanoseconds)
            note(moved, &afterwards)
            return afterwards
        }
        perform(afterwards)
    }

    /// Drops what has expired, lets in who has a slot, and sets the timer.
    private func settle(_ core: inout Core, at now: Int64) -> Afterwards {
        var afterwards = Afterwards()
        for (id, reason) in core.machine.removeExpired(at: now) {
            if let wakeup = core.room.resolve(id, .refused(reason)) { afterwards.wakeups.append(wakeup) }
        }
        while let (id, ticket) = core.machine.popAdmitted(at: now) {
            if let wakeup = core.room.resolve(id, .granted(ticket)) { afterwards.wakeups.append(wakeup) }
        }
        let next = core.machine.nextExpiry(at: now)
        if core.room.needsAlarm(next) {
            afterwards.staleAlarm = core.room.setAlarm(next, on: time) { [weak self] in self?.ring() }
        }
        return afterwards
    }

    /// The limit has moved, or not. Called under the lock.
    private func note(_ moved: (from: Int, to: Int)?, _ afterwards: inout Afterwards) {
        guard let moved else { return }
        latest.store(moved.to, ordering: .releasing)
        afterwards.moved = moved
    }

    private func ring() {
        let now = time.now().nanoseconds
        perform(
            core.withLock { core in
                core.room.alarmFired()
                return settle(&core, at: now)
            })
    }

    private func perform(_ afterwards: Afterwards) {
        afterwards.staleAlarm?.cancel()
        for wakeup in afterwards.wakeups { wakeup() }
        if let (from, to) = afterwards.moved {
            metrics?.moved(toLimit: current)
            listener.report(.moved(from: from, to: to))
            for follower in followers.withLock({ $0 }) { follower() }
        }
    }

    private func report(_ reason: Rejection.Reason, shadow: Bool) {
        metrics?.rejected(reason, shadow: shadow)
        listener.report(.rejected(reason, shadow: shadow))
    }

    /// Calls back whenever the limit has moved, outside of every lock and for as long as the limit lives. What it has
    /// moved to is `current`.
    func follow(_ follower: @escaping @Sendable () -> Void) {
        followers.withLock { $0.append(follower) }
    }

    /// The algorithm's limit now. Takes no lock.
    var current: Int {
        latest.load(ordering: .acquiring)
    }

    // MARK: - Settings

    /// Takes new settings; the limit and what was learnt stay, calls under way keep their slots.
    ///
    /// - Parameters:
    ///   - options: The rule and its bounds.
    ///   - mode: How far the limit may act; outside of `enforced` who waits is let in.
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: AdaptiveLimitOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        apply(try PolicySetting<AdaptiveLimitOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, an algorithm, or a mapping.
    ///
    /// - Parameter edit: What is to change; the rest stays.
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try setting.edited(by: edit))
    }

    /// Takes settings that were checked already.
    func apply(_ setting: PolicySetting<AdaptiveLimitOptions>) {
        let now = time.now().nanoseconds
        let afterwards = core.withLock { core -> Afterwards in
            let before = core.machine.algorithm.limit
            if let options = setting.options, options != core.machine.options {
                core.machine.configure(options, at: now)
            }
            core.setting = setting
            var wakeups: [Wakeup<Resolution>] = []
            if setting.mode != .enforced {
                wakeups = core.machine.admitAll(at: now).compactMap { core.room.resolve($0.id, .granted($0.ticket)) }
            }
            var afterwards = settle(&core, at: now)
            afterwards.wakeups += wakeups
            let after = core.machine.algorithm.limit
            note(after == before ? nil : (before, after), &afterwards)
            return afterwards
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
        perform(afterwards)
    }

    /// Mode and options now.
    public var setting: PolicySetting<AdaptiveLimitOptions> {
        core.withLock { $0.setting }
    }

    /// What the limit knows about itself.
    public struct Status: Sendable, Equatable {
        /// The calls under way.
        public var inFlight: Int
        /// The limit now, during a probe the probe's.
        public var limit: Int
        /// The calls in the queue.
        public var queued: Int
        /// Whether the limit is held down to measure an idle callee.
        public var isProbing: Bool
        /// The round trip that is taken for that of an idle callee.
        public var baseline: Duration?
        /// The mean round trip of the last window; nil before the first.
        public var roundTrip: Duration?
        /// The calls under way of each share that the options guarantee.
        public var inFlightByShare: [String: Int]
    }

    /// The limit now.
    public var status: Status {
        core.withLock { core in
            Status(
                inFlight: core.machine.inFlight, limit: core.machine.limit, queued: core.machine.queued,
                isProbing: core.machine.isProbing,
                baseline: core.machine.algorithm.baselineNanoseconds.map { .nanoseconds($0) },
                roundTrip: core.machine.lastRoundTrip.map { .nanoseconds($0) },
                inFlightByShare: core.machine.shares.inFlight)
        }
    }
}
