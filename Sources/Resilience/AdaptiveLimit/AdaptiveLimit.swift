// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Bounds the calls that are under way at once by a limit that it finds out itself, from how long they take.
///
/// For a server it is the number of requests that it can work on before they only wait for each other; for a client
/// the share of the callee that it can have. All methods may be called from any thread; none waits.
public final class AdaptiveLimit: Sendable {
    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<AdaptiveLimitOptions>
    }

    private let core: Mutex<Core>
    private let active: Atomic<Bool>
    private let listener: PolicyListener<AdaptiveLimitEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A limit at its initial value.
    ///
    /// - Parameters:
    ///   - algorithm: A rule of one's own instead of the one that the options name; it stays until the options name
    ///     another one.
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - seed: Where the spread of the probes starts.
    /// - Throws: Everything that is wrong with the options.
    public init(
        _ options: AdaptiveLimitOptions = AdaptiveLimitOptions(), algorithm: (any LimitAlgorithm)? = nil,
        mode: PolicyMode = .enforced, name: String? = nil, time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max), onEvent: (@Sendable (AdaptiveLimitEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        let setting = try PolicySetting<AdaptiveLimitOptions>.checked(options, mode)
        let machine = StateMachine(options: options, algorithm: algorithm, seed: seed, at: time.now().nanoseconds)
        metrics = PolicyMetrics("adaptive-limit", name: name, reasons: [.limitReached])
        metrics?.moved(toLimit: machine.limit)
        core = Mutex(Core(machine: machine, setting: setting))
        active = Atomic(mode != .disabled)
        listener = PolicyListener(onEvent)
        self.time = time
    }

    /// A call under way. One that is dropped without an outcome counts as ignored.
    public struct Permit: ~Copyable, Sendable {
        private let limit: AdaptiveLimit
        private let ticket: Ticket?
        private var isFinished = false

        fileprivate init(_ limit: AdaptiveLimit, _ ticket: Ticket?) {
            self.limit = limit
            self.ticket = ticket
        }

        deinit {
            if !isFinished { limit.finish(ticket, .ignored) }
        }

        /// The call has ended.
        public consuming func end(_ outcome: Outcome) {
            isFinished = true
            limit.finish(ticket, outcome)
        }
    }

    /// Asks for one call.
    ///
    /// - Throws: The refusal. It has no `retryAfter`: a call may end at any moment.
    public func acquire() throws(Rejection) -> Permit {
        guard active.load(ordering: .relaxed) else { return Permit(self, nil) }
        let now = time.now().nanoseconds
        let (ticket, wouldRefuse) = core.withLock { core -> (Ticket?, Bool) in
            switch core.setting.mode {
            case .enforced:
                let ticket = core.machine.acquire(at: now)
                return (ticket, ticket == nil)
            case .shadow: return core.machine.observe(at: now)
            default: return (nil, false)
            }
        }
        if !wouldRefuse { return Permit(self, ticket) }
        metrics?.rejected(.limitReached, shadow: ticket != nil)
        listener.report(.rejected(shadow: ticket != nil))
        if ticket == nil { throw Rejection(.limitReached) }
        return Permit(self, ticket)
    }

    private func finish(_ ticket: Ticket?, _ outcome: Outcome) {
        guard let ticket else { return }
        let now = time.now().nanoseconds
        guard let (from, to) = core.withLock({ $0.machine.finish(ticket, outcome, at: now) }) else { return }
        metrics?.moved(toLimit: to)
        listener.report(.moved(from: from, to: to))
    }

    /// Runs an operation unless the limit is reached.
    ///
    /// A success is a sample, a refusal for overload shrinks the limit, any other failure says nothing: one that comes
    /// quickly must not make the callee look fast. Let the classifier call a time-out `throttled`.
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
        permit.end(Outcome(verdict))
        return try result.getOperation()
    }

    /// Takes new settings; the limit and what was learnt stay, calls under way keep their slots.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: AdaptiveLimitOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        take(try PolicySetting<AdaptiveLimitOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, an algorithm, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        take(try setting.edited(by: edit))
    }

    private func take(_ setting: PolicySetting<AdaptiveLimitOptions>) {
        let now = time.now().nanoseconds
        core.withLock { core in
            if let options = setting.options, options != core.setting.options {
                core.machine.configure(options, at: now)
            }
            core.setting = setting
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
    }

    /// Mode and options now.
    public var setting: PolicySetting<AdaptiveLimitOptions> {
        core.withLock { $0.setting }
    }

    /// What the limit knows about itself.
    public struct Status: Sendable, Equatable {
        public var inFlight: Int
        /// The limit now, during a probe the probe's.
        public var limit: Int
        public var isProbing: Bool
        /// The round trip that is taken for that of an idle callee.
        public var baseline: Duration?
    }

    public var status: Status {
        core.withLock { core in
            Status(
                inFlight: core.machine.inFlight, limit: core.machine.limit, isProbing: core.machine.isProbing,
                baseline: core.machine.algorithm.baselineNanoseconds.map { .nanoseconds($0) })
        }
    }
}

extension AdaptiveLimit.Outcome {
    /// What a verdict says about load.
    public init(_ verdict: Verdict) {
        switch verdict {
        case .success: self = .completed
        case .throttled: self = .dropped
        case .failure, .ignore: self = .ignored
        }
    }
}
