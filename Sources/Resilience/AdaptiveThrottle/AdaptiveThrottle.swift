// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

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
    private let active: Atomic<Bool>
    private let listener: PolicyListener<AdaptiveThrottleEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A throttle that has seen no calls.
    ///
    /// - Parameters:
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - seed: Where the drawing of refused calls starts.
    /// - Throws: Everything that is wrong with the options.
    public init(
        _ options: AdaptiveThrottleOptions = AdaptiveThrottleOptions(), mode: PolicyMode = .enforced,
        name: String? = nil,
        time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max),
        onEvent: (@Sendable (AdaptiveThrottleEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        let setting = try PolicySetting<AdaptiveThrottleOptions>.checked(options, mode)
        core = Mutex(Core(machine: StateMachine(options: options, seed: seed), setting: setting))
        active = Atomic(mode != .disabled)
        listener = PolicyListener(onEvent)
        metrics = PolicyMetrics("adaptive-throttle", name: name, reasons: [.throttled])
        self.time = time
    }

    /// An admitted call. One that is dropped without a result counts as one that says nothing.
    public struct Permit: ~Copyable, Sendable {
        private let throttle: AdaptiveThrottle
        private let ticket: StateMachine.Ticket?
        private var isFinished = false

        fileprivate init(_ throttle: AdaptiveThrottle, _ ticket: StateMachine.Ticket?) {
            self.throttle = throttle
            self.ticket = ticket
        }

        deinit {
            if !isFinished { throttle.record(ticket, .ignore) }
        }

        /// The call has ended.
        public consuming func end(_ verdict: Verdict) {
            isFinished = true
            throttle.record(ticket, verdict)
        }
    }

    /// Asks for one call.
    ///
    /// - Throws: The refusal. It has no `retryAfter`: the next call may pass at once.
    public func acquire() throws(Rejection) -> Permit {
        guard active.load(ordering: .relaxed) else { return Permit(self, nil) }
        let now = time.now().nanoseconds
        let (ticket, wouldRefuse) = core.withLock { core -> (StateMachine.Ticket?, Bool) in
            switch core.setting.mode {
            case .enforced:
                let ticket = core.machine.acquire(at: now)
                return (ticket, ticket == nil)
            case .shadow: return core.machine.observe(at: now)
            default: return (nil, false)
            }
        }
        if !wouldRefuse { return Permit(self, ticket) }
        metrics?.rejected(.throttled, shadow: ticket != nil)
        listener.report(.rejected(shadow: ticket != nil))
        if ticket == nil { throw Rejection(.throttled) }
        return Permit(self, ticket)
    }

    private func record(_ ticket: StateMachine.Ticket?, _ verdict: Verdict) {
        guard let ticket else { return }
        let now = time.now().nanoseconds
        core.withLock { $0.machine.record(ticket, verdict, at: now) }
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
        take(try PolicySetting<AdaptiveThrottleOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, a multiplier, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        take(try setting.edited(by: edit))
    }

    private func take(_ setting: PolicySetting<AdaptiveThrottleOptions>) {
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

    public var status: Status {
        let now = time.now().nanoseconds
        return core.withLock { core in
            let share = core.machine.rejectionShare(at: now)
            return Status(requests: core.machine.requests, accepts: core.machine.accepts, rejectionShare: share)
        }
    }
}
