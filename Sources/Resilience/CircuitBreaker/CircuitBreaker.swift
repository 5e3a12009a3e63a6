// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

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

        @usableFromInline static var none: Ticket { Ticket(generation: 0, isAdmitted: false) }

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
    }

    private let core: Mutex<Core>
    /// What callers have to know most of the time, readable without the lock: see `Gate`.
    private let gate: Atomic<UInt64>
    private let listener: PolicyListener<CircuitBreakerEvent>
    @usableFromInline let time: TimeSource

    /// Makes a closed breaker.
    ///
    /// - Parameter seed: Where the jitter of the open time starts; the same seed gives the same times.
    public convenience init(
        _ options: CircuitBreakerOptions = CircuitBreakerOptions(), mode: PolicyMode = .enforced,
        time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max), onEvent: (@Sendable (CircuitBreakerEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        try PolicySetting(mode: mode, options: options).requireSound()
        self.init(checked: options, mode: mode, time: time, seed: seed, listener: PolicyListener(onEvent))
    }

    init(
        checked options: CircuitBreakerOptions, mode: PolicyMode, time: TimeSource, seed: UInt64,
        listener: PolicyListener<CircuitBreakerEvent>
    ) {
        core = Mutex(Core(machine: StateMachine(options: options, seed: seed), mode: mode))
        gate = Atomic(Gate(mode: mode, state: .closed, generation: 0).word)
        self.listener = listener
        self.time = time
    }

    /// The breaker's answer in one word: disabled, everybody may pass under this generation, or ask under the lock.
    ///
    /// It is written under the lock whenever mode or state change. A caller that reads it just before a change is
    /// admitted under the old generation, as if it had come just before.
    @usableFromInline
    struct Gate: Sendable {
        @usableFromInline let word: UInt64

        init(mode: PolicyMode, state: State, generation: UInt32) {
            let kind: UInt64 =
                switch mode {
                case .disabled: 0
                case .enforced, .shadow, .forcedClosed: state == .closed ? 1 : 2
                case .forcedOpen: 2
                }
            word = UInt64(generation) << 2 | kind
        }

        init(word: UInt64) {
            self.word = word
        }

        @usableFromInline var isActive: Bool { word & 3 != 0 }
        var isOpenToAll: Bool { word & 3 == 1 }
        var generation: UInt32 { UInt32(truncatingIfNeeded: word >> 2) }
    }

    /// Whether calls have to ask at all.
    @usableFromInline
    var isActive: Bool {
        gate.load(ordering: .relaxed) & 3 != 0
    }

    /// Takes new settings; state, window and open time stay.
    func apply(mode: PolicyMode, options: CircuitBreakerOptions) {
        core.withLock {
            if $0.machine.options != options { $0.machine.configure(options) }
            $0.mode = mode
            updateGate($0)
        }
    }

    /// Called under the lock.
    private func updateGate(_ core: borrowing Core) {
        let new = Gate(mode: core.mode, state: core.machine.state, generation: core.machine.generation)
        gate.store(new.word, ordering: .releasing)
    }

    /// Whether a call may be made now.
    @usableFromInline
    func admit(at now: MonotonicInstant) -> Admission {
        let gate = Gate(word: gate.load(ordering: .acquiring))
        return gate.isOpenToAll ? .admitted(Ticket(generation: gate.generation)) : admitSlowly(at: now)
    }

    private func admitSlowly(at now: MonotonicInstant) -> Admission {
        let (result, transition, wouldRefuse) = core.withLock { core -> (Admission, Transition?, Rejection.Reason?) in
            let answer = core.admit(at: now.nanoseconds)
            if answer.1 != nil { updateGate(core) }
            return answer
        }
        if let transition { report(transition) }
        if case .refused(let rejection) = result { listener.report(.rejected(rejection.reason, shadow: false)) }
        if let wouldRefuse { listener.report(.rejected(wouldRefuse, shadow: true)) }
        return result
    }

    /// Takes the result of an admitted call into account.
    @usableFromInline
    func record(
        _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Duration?, at now: MonotonicInstant
    ) {
        if !ticket.isAdmitted { return }
        let isQuick = core.withLock {
            verdict == .success && $0.machine.recordQuickSuccess(ticket, duration: duration, at: now.nanoseconds)
        }
        if !isQuick { recordSlowly(ticket, verdict, duration: duration, retryAfter: retryAfter, at: now) }
    }

    private func recordSlowly(
        _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Duration?, at now: MonotonicInstant
    ) {
        let retryNanoseconds = retryAfter?.nanosecondsSaturated ?? 0
        let (transition, isLate) = core.withLock { core in
            let result = core.machine.record(
                ticket, verdict, duration: duration, retryAfter: retryNanoseconds, at: now.nanoseconds)
            if result.transition != nil { updateGate(core) }
            return result
        }
        if let transition { report(transition) }
        if isLate { listener.report(.lateResult) }
    }

    /// Gives a ticket back without a result.
    @usableFromInline
    func abandon(_ ticket: Ticket) {
        if ticket.isAdmitted { core.withLock { $0.machine.abandon(ticket) } }
    }

    /// Closes the breaker and forgets its window.
    public func reset() {
        let now = time.now().nanoseconds
        let transition = core.withLock { core in
            let transition = core.machine.reset(at: now)
            updateGate(core)
            return transition
        }
        if let transition { report(transition) }
    }

    private func report(_ transition: Transition) {
        listener.report(.transition(from: transition.from, to: transition.to, cause: transition.cause))
    }

    /// What the breaker knows about itself.
    public struct Status: Sendable, Equatable {
        public var state: CircuitBreakerEvent.State
        /// Calls in the window.
        public var calls: Int
        /// Nil below the minimum number of calls.
        public var failureRate: Double?
        /// Nil below the minimum number of calls.
        public var slowCallRate: Double?
        /// The time until the next probe while open.
        public var openFor: Duration?
    }

    /// The state now. An open breaker whose time is over still says open: it moves when the next call comes.
    public var status: Status {
        let now = time.now().nanoseconds
        return core.withLock { core in
            let rates = core.machine.rates(at: now)
            let openFor = core.machine.state == .open ? Duration.nanoseconds(max(0, core.machine.until - now)) : nil
            return Status(
                state: core.machine.state, calls: core.machine.callsInWindow(at: now), failureRate: rates?.failure,
                slowCallRate: rates?.slow, openFor: openFor)
        }
    }
}

extension CircuitBreaker.Core {
    /// The answer to a call, a transition that it caused, and why it would have been refused in shadow mode.
    fileprivate mutating func admit(
        at now: Int64
    ) -> (CircuitBreaker.Admission, CircuitBreaker.Transition?, Rejection.Reason?) {
        switch mode {
        case .disabled: return (.admitted(.none), nil, nil)
        case .forcedOpen: return (.refused(Rejection(.forcedOpen)), nil, nil)
        case .enforced:
            let (admission, transition) = machine.acquire(at: now)
            return (admission, transition, nil)
        case .shadow, .forcedClosed:
            // The machine goes on seeing exactly the calls that it would have admitted, so that it stands where it
            // would stand, and enforcing it again needs no cold start.
            let (admission, transition) = machine.acquire(at: now)
            guard case .refused(let rejection) = admission else { return (admission, transition, nil) }
            return (.admitted(.none), transition, mode == .shadow ? rejection.reason : nil)
        }
    }
}
