// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Stops calling a callee that fails or is slow, and probes it carefully before it calls again.
///
/// Calls are admitted with `acquire`; their results come back through the permit. All methods may be called from any
/// thread; none waits.
public final class CircuitBreaker: Sendable {
    /// What an admitted call carries until its result is known.
    @usableFromInline
    struct Ticket: Sendable, Equatable {
        /// The generation of the state that admitted the call.
        @usableFromInline var generation: UInt32
        /// False when the call only passed because the breaker was not enforced: its result is not the machine's
        /// business.
        @usableFromInline var isAdmitted = true
        /// Which slots `slot` is one of; 0 when the call is not watched while it is under way.
        @usableFromInline var version: UInt32 = 0
        /// When the call started: see `InFlight`.
        @usableFromInline var slot: Int64 = 0

        @inlinable static var none: Ticket { Ticket(generation: 0, isAdmitted: false) }

        @inlinable
        init(generation: UInt32, isAdmitted: Bool = true) {
            self.generation = generation
            self.isAdmitted = isAdmitted
        }
    }

    @usableFromInline
    enum Admission: Sendable, Equatable {
        case admitted(Ticket)
        case refused(Rejection)
    }

    fileprivate struct Core {
        var machine: StateMachine
        var mode: PolicyMode
        /// What the quick count was allowed.
        var allowance: UInt32 = 0
    }

    /// What is to be reported once the lock is released.
    fileprivate struct News {
        var transition: Transition?
        var rampedUp: Double?
        var refused: Rejection.Reason?
        var wouldRefuse: Rejection.Reason?
        var isLate = false
    }

    @usableFromInline let gate: Gate
    @usableFromInline let time: TimeSource
    private let listener: PolicyListener<CircuitBreakerEvent>
    @usableFromInline let hasListener: Bool
    /// Every caller reads what stands above and changes what stands below: on cache lines of their own, so that
    /// changes don't take away what is only read. 128 bytes, because lines are fetched in pairs.
    private let distance = InlineArray<16, UInt64>(repeating: 0)
    @usableFromInline let quick = QuickCount()
    private let core: Mutex<Core>

    /// Makes a breaker that has seen no calls.
    ///
    /// - Parameters:
    ///   - options: When it opens, for how long, and how it comes back.
    ///   - mode: How far it may act.
    ///   - startsOpen: Whether it begins with an open time, after which it probes: for a callee that was known to be
    ///     down before a restart. Otherwise it starts closed.
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - time: Where it gets the time from.
    ///   - seed: Where the jitter of the open time starts; the same seed gives the same times.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: CircuitBreakerOptions = CircuitBreakerOptions(), mode: PolicyMode = .enforced,
        startsOpen: Bool = false, name: String? = nil, time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max), onEvent: (@Sendable (CircuitBreakerEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        _ = try PolicySetting<CircuitBreakerOptions>.checked(options, mode)
        var listener = PolicyListener(onEvent)
        let metrics = name.map { CircuitBreakerMetrics(name: $0) }
        if let metrics {
            listener = PolicyListener { event in
                metrics.count(event)
                onEvent?(event)
            }
        }
        self.init(
            checked: options, mode: mode, startsOpen: startsOpen, time: time, seed: seed, listener: listener)
        metrics?.watch(self)
    }

    init(
        checked options: CircuitBreakerOptions, mode: PolicyMode, startsOpen: Bool = false, time: TimeSource,
        seed: UInt64, listener: PolicyListener<CircuitBreakerEvent>
    ) {
        var core = Core(machine: StateMachine(options: options, seed: seed), mode: mode)
        if startsOpen { core.machine.startOpen(at: time.now().nanoseconds) }
        gate = Gate(core.answer)
        self.core = Mutex(core)
        self.listener = listener
        hasListener = listener.isListening
        self.time = time
        gate.set(core.answer, generation: core.machine.generation, until: core.machine.until)
    }

    /// Whether calls have to ask at all.
    @inlinable
    var isActive: Bool {
        gate.word.load(ordering: .relaxed) & 0xFF != Gate.Answer.off.rawValue
    }

    /// The one way to the machine: takes what was counted without the lock, and afterwards tells callers what they need
    /// not ask under it.
    private func update<Result>(_ body: (inout Core, inout News) -> Result) -> Result {
        var news = News()
        let result = core.withLock { core in
            core.machine.addQuickSuccesses(core.allowance &- quick.close())
            let share = core.machine.rampShare
            let result = body(&core, &news)
            if let new = core.machine.rampShare, share != nil, new != share { news.rampedUp = new }
            let (allowance, end) = core.recordsResults ? core.machine.quickSuccesses : (0, .min)
            core.allowance = allowance
            quick.open(allowance, generation: core.machine.generation, end: end)
            gate.set(core.answer, generation: core.machine.generation, until: core.machine.until)
            return result
        }
        if hasListener { report(news) }
        return result
    }

    private func report(_ news: News) {
        if let transition = news.transition {
            listener.report(.transition(from: transition.from, to: transition.to, cause: transition.cause))
        }
        if let share = news.rampedUp { listener.report(.rampedUp(share: share)) }
        if let reason = news.refused { listener.report(.rejected(reason, shadow: false)) }
        if let reason = news.wouldRefuse { listener.report(.rejected(reason, shadow: true)) }
        if news.isLate { listener.report(.lateResult) }
    }

    /// Takes new settings; state, window and open time stay.
    ///
    /// - Parameters:
    ///   - options: When it opens, for how long, and how it comes back.
    ///   - mode: How far it may act.
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: CircuitBreakerOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        _ = try PolicySetting<CircuitBreakerOptions>.checked(options, mode)
        apply(mode: mode, options: options)
    }

    /// Takes an edit in the form of configuration files: a mode, or a mapping of options.
    ///
    /// - Parameter edit: What is to change; the rest stays.
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        let edited = try setting.edited(by: edit)
        apply(mode: edited.mode, options: edited.options ?? .blank)
    }

    /// Mode and options now.
    public var setting: PolicySetting<CircuitBreakerOptions> {
        core.withLock { PolicySetting(mode: $0.mode, options: $0.machine.options) }
    }

    /// Takes settings that were checked already.
    func apply(mode: PolicyMode, options: CircuitBreakerOptions) {
        update { core, _ in
            if core.machine.options != options { core.machine.configure(options) }
            core.mode = mode
        }
    }

    /// Whether a call may be made now.
    ///
    /// - Parameter starts: Whether the call starts at once. One that has to wait first says so with `begin`.
    @inlinable
    func admit(at now: MonotonicInstant, starts: Bool = true) -> Admission {
        let word = gate.word.load(ordering: .acquiring)
        switch Gate.answer(word) {
        case .pass: return .admitted(Ticket(generation: Gate.generation(word)))
        case .wait:
            let remaining = gate.until.load(ordering: .acquiring).subtractingSaturated(now.nanoseconds)
            if remaining <= 0 { return admitSlowly(at: now, starts: starts) }
            return refuse(Rejection(.circuitOpen, retryAfterNanoseconds: remaining))
        case .off: return .admitted(.none)
        case .ask: return admitSlowly(at: now, starts: starts)
        case .refuse: return refuse(Rejection(.forcedOpen, retryAfterNanoseconds: -1))
        }
    }

    @inlinable
    func refuse(_ rejection: Rejection) -> Admission {
        if hasListener { reportRefusal(rejection.reason) }
        return .refused(rejection)
    }

    @usableFromInline
    func reportRefusal(_ reason: Rejection.Reason) {
        listener.report(.rejected(reason, shadow: false))
    }

    @usableFromInline
    func admitSlowly(at now: MonotonicInstant, starts: Bool) -> Admission {
        update { core, news in
            var admission = core.admit(at: now.nanoseconds, &news)
            if starts, case .admitted(var ticket) = admission, ticket.isAdmitted {
                core.machine.begin(&ticket, at: now.nanoseconds)
                admission = .admitted(ticket)
            }
            return admission
        }
    }

    /// A call that was admitted without having been started starts now.
    @inlinable
    func begin(_ ticket: inout Ticket, at now: MonotonicInstant) {
        // Where calls pass without the lock, none is watched while it is under way.
        if ticket.isAdmitted, gate.word.load(ordering: .relaxed) & 0xFF != Gate.Answer.pass.rawValue {
            beginSlowly(&ticket, at: now)
        }
    }

    @usableFromInline
    func beginSlowly(_ ticket: inout Ticket, at now: MonotonicInstant) {
        ticket = update { [ticket] core, _ in
            var ticket = ticket
            core.machine.begin(&ticket, at: now.nanoseconds)
            return ticket
        }
    }

    /// Takes the result of an admitted call into account.
    @inlinable
    func record(
        _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Duration?, at now: MonotonicInstant
    ) {
        if !ticket.isAdmitted { return }
        if verdict == .success, quick.take(generation: ticket.generation, at: now.nanoseconds) { return }
        recordSlowly(ticket, verdict, duration: duration, retryAfter: retryAfter, at: now)
    }

    @usableFromInline
    func recordSlowly(
        _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Duration?, at now: MonotonicInstant
    ) {
        let retryNanoseconds = retryAfter?.nanosecondsSaturated ?? 0
        update { core, news in
            // A call that was admitted in another mode frees its slot, and nobody is interested in how it ended.
            if !core.recordsResults { return core.machine.abandon(ticket) }
            (news.transition, news.isLate) = core.machine.record(
                ticket, verdict, duration: duration, retryAfter: retryNanoseconds, at: now.nanoseconds)
        }
    }

    /// Gives a ticket back without a result.
    @usableFromInline
    func abandon(_ ticket: Ticket) {
        if ticket.isAdmitted { update { core, _ in core.machine.abandon(ticket) } }
    }

    /// Closes the breaker and forgets its window.
    public func reset() {
        let now = time.now().nanoseconds
        update { core, news in news.transition = core.machine.reset(at: now) }
    }

    /// What the breaker knows about itself.
    public struct Status: Sendable, Equatable {
        /// Where the breaker stands.
        public var state: CircuitBreakerEvent.State
        /// Calls in the window.
        public var calls: Int
        /// Calls under way that have taken longer than a slow call already; zero while nothing says what slow is.
        public var slowCallsUnderWay: Int
        /// Nil below the minimum number of calls.
        public var failureRate: Double?
        /// Nil below the minimum number of calls; calls under way that are slow already count.
        public var slowCallRate: Double?
        /// The time until the next probe while open.
        public var openFor: Duration?
        /// The share of calls that passes while ramping, above 0, below 1.
        public var rampShare: Double?
    }

    /// The state now. An open breaker whose time is over still says open: it moves when the next call comes.
    public var status: Status {
        let now = time.now().nanoseconds
        return update { core, _ in
            let rates = core.machine.rates(at: now)
            let openFor = core.machine.state == .open ? Duration.nanoseconds(max(0, core.machine.until - now)) : nil
            return Status(
                state: core.machine.state, calls: core.machine.callsInWindow(at: now),
                slowCallsUnderWay: core.machine.slowCallsNow(at: now), failureRate: rates?.failure,
                slowCallRate: rates?.slow, openFor: openFor, rampShare: core.machine.rampShare)
        }
    }
}

extension CircuitBreaker.Core {
    /// Whether results count: not in a mode that is to see nothing, or that admits nothing and is left by hand.
    @inline(__always)
    fileprivate var recordsResults: Bool {
        mode != .disabled && mode != .forcedOpen
    }

    /// The answer to a call.
    fileprivate mutating func admit(at now: Int64, _ news: inout CircuitBreaker.News) -> CircuitBreaker.Admission {
        switch mode {
        case .disabled: return .admitted(.none)
        case .forcedOpen:
            news.refused = .forcedOpen
            return .refused(Rejection(.forcedOpen))
        case .enforced, .shadow, .forcedClosed:
            let (admission, transition) = machine.acquire(at: now)
            news.transition = transition
            guard case .refused(let rejection) = admission else { return admission }
            if mode == .enforced {
                news.refused = rejection.reason
                return admission
            }
            // The machine goes on seeing exactly the calls that it would have admitted, so that it stands where it
            // would stand, and enforcing it again needs no cold start.
            if mode == .shadow { news.wouldRefuse = rejection.reason }
            return .admitted(.none)
        }
    }

    /// What callers may know without asking.
    @inline(__always)
    fileprivate var answer: CircuitBreaker.Gate.Answer {
        switch mode {
        case .disabled: .off
        case .forcedOpen: .refuse
        case .enforced, .shadow, .forcedClosed:
            switch machine.state {
            case .closed: machine.watchesCallsUnderWay ? .ask : .pass
            case .open: mode == .enforced ? .wait : .ask
            case .halfOpen, .ramping: .ask
            }
        }
    }
}
