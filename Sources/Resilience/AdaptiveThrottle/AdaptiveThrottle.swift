// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Refuses a growing share of a client's own calls while the callee does not serve them, so that the callee spends
/// its time on those it can serve.
///
/// Unlike a circuit breaker it never stops altogether and needs no probes. All methods may be called from any thread;
/// none waits.
public final class AdaptiveThrottle: Sendable {
    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<AdaptiveThrottleOptions>
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    private let listener: PolicyListener<AdaptiveThrottleEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A throttle that has seen no calls.
    ///
    /// - Parameters:
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - seed: Where the drawing of refused calls starts.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: AdaptiveThrottleOptions = AdaptiveThrottleOptions(), mode: PolicyMode = .enforced,
        name: String? = nil,
        time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max),
        onEvent: (@Sendable (AdaptiveThrottleEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            setting: try .checked(options, mode), time: time, seed: seed, listener: PolicyListener(onEvent),
            metrics: PolicyMetrics("adaptive-throttle", name: name, reasons: [.throttled]))
    }

    /// A throttle with settings that were checked already.
    init(
        setting: PolicySetting<AdaptiveThrottleOptions>, time: TimeSource, seed: UInt64,
        listener: PolicyListener<AdaptiveThrottleEvent>, metrics: PolicyMetrics? = nil
    ) {
        core = Mutex(Core(machine: StateMachine(options: setting.options ?? .blank, seed: seed), setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.metrics = metrics
        self.time = time
    }

    /// An admitted call. One that is dropped without a result counts as one that says nothing.
    public struct Permit: ~Copyable, Sendable {
        @usableFromInline let throttle: AdaptiveThrottle
        /// Nil for a call that nobody looks at.
        @usableFromInline let ticket: StateMachine.Ticket?
        @usableFromInline var isFinished = false

        @inlinable
        init(_ throttle: AdaptiveThrottle, _ ticket: StateMachine.Ticket?) {
            self.throttle = throttle
            self.ticket = ticket
        }

        @inlinable
        deinit {
            if !isFinished, let ticket { throttle.record(ticket, .ignore) }
        }

        /// The call has ended.
        @inlinable
        public consuming func end(_ verdict: Verdict) {
            isFinished = true
            if let ticket { throttle.record(ticket, verdict) }
        }
    }

    /// Whether calls have to ask at all.
    @inlinable
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// Asks for one call.
    ///
    /// - Throws: The refusal. It has no `retryAfter`: the next call may pass at once.
    @inlinable
    public func acquire() throws(Rejection) -> Permit {
        try Permit(self, isActive ? admitNow() : nil)
    }

    @usableFromInline
    func admitNow() throws(Rejection) -> StateMachine.Ticket? {
        switch admit(at: time.now()) {
        case .admitted(let ticket): return ticket
        case .refused(let rejection): throw rejection
        }
    }

    /// The answer to a call; a ticket is nil when its result is nobody's business.
    enum Admission: Sendable, Equatable {
        case admitted(StateMachine.Ticket?)
        case refused(Rejection)
    }

    /// Counts a call that is about to be made, or refuses it.
    func admit(at now: MonotonicInstant) -> Admission {
        let now = now.nanoseconds
        let (ticket, wouldRefuse) = core.withLock { core -> (StateMachine.Ticket?, Bool) in
            switch core.setting.mode {
            case .enforced:
                let ticket = core.machine.acquire(at: now)
                return (ticket, ticket == nil)
            case .shadow: return core.machine.observe(at: now)
            default: return (nil, false)
            }
        }
        if !wouldRefuse { return .admitted(ticket) }
        metrics?.rejected(.throttled, shadow: ticket != nil)
        listener.report(.rejected(shadow: ticket != nil))
        return ticket == nil ? .refused(Rejection(.throttled)) : .admitted(ticket)
    }

    @usableFromInline
    func record(_ ticket: StateMachine.Ticket, _ verdict: Verdict) {
        record(ticket, verdict, at: time.now())
    }

    /// Takes the result of an admitted call into account.
    func record(_ ticket: StateMachine.Ticket, _ verdict: Verdict, at now: MonotonicInstant) {
        core.withLock { $0.machine.record(ticket, verdict, at: now.nanoseconds) }
    }

    /// Runs an operation unless the throttle refuses it.
    public func run<Success, Failure: Error>(
        classifier: Classifier<Success, Failure> = .default, _ operation: () async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let permit: Permit
        do throws(Rejection) {
            permit = try acquire()
        } catch {
            throw .rejected(error, last: nil)
        }
        let (result, verdict) = await judged(by: classifier, operation)
        permit.end(verdict)
        return try result.getOperation()
    }

    /// Takes new settings; the counts stay unless the window or the patience is another.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: AdaptiveThrottleOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults)
    {
        apply(try PolicySetting<AdaptiveThrottleOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, a multiplier, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try setting.edited(by: edit))
    }

    /// Takes settings that were checked already.
    func apply(_ setting: PolicySetting<AdaptiveThrottleOptions>) {
        core.withLock { core in
            if let options = setting.options { core.machine.configure(options) }
            core.setting = setting
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
    }

    /// Mode and options now.
    public var setting: PolicySetting<AdaptiveThrottleOptions> {
        core.withLock { $0.setting }
    }

    /// What the throttle knows about itself.
    public struct Status: Sendable, Equatable {
        /// Calls of the window that count, refused ones included.
        public var requests: Int
        /// Those that succeeded.
        public var accepts: Int
        /// The share of calls that is refused now.
        public var rejectionShare: Double
    }

    /// What the throttle knows about itself now.
    public var status: Status {
        let now = time.now().nanoseconds
        return core.withLock { core in
            let share = core.machine.rejectionShare(at: now)
            return Status(requests: core.machine.requests, accepts: core.machine.accepts, rejectionShare: share)
        }
    }
}
