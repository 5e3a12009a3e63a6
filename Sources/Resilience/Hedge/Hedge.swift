// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Makes a call a second time while the first attempt is still under way, when that one is slower than usual, and
/// returns whichever answer comes first.
///
/// Only calls that may be repeated are hedged, and only as many as a budget of its own allows. The first *acceptable*
/// result wins; the failure of a hedge never replaces what the first attempt may still answer. Attempts that lost are
/// cancelled and awaited before the call returns, so that nothing runs on behind its back. All methods may be called
/// from any thread.
public final class Hedge: Sendable {
    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<HedgeOptions>
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    let listener: PolicyListener<HedgeEvent>
    private let metrics: HedgeMetrics?
    @usableFromInline let time: TimeSource

    /// A hedge that has seen no calls.
    ///
    /// - Parameters:
    ///   - options: When to hedge, and how often.
    ///   - mode: `enforced`, `shadow` or `disabled`.
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - time: Where the time comes from.
    ///   - onEvent: Gets what the hedge does, on the thread of the call.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: HedgeOptions = HedgeOptions(), mode: PolicyMode = .enforced, name: String? = nil,
        time: TimeSource = .system, onEvent: (@Sendable (HedgeEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            checked: try PolicySetting<HedgeOptions>.checked(options, mode),
            metrics: name.map { HedgeMetrics(MetricLabels(name: $0).of(.hedge)) }, time: time,
            listener: PolicyListener(onEvent))
    }

    init(
        checked setting: PolicySetting<HedgeOptions>, metrics: HedgeMetrics?, time: TimeSource,
        listener: PolicyListener<HedgeEvent>
    ) {
        core = Mutex(Core(machine: StateMachine(options: setting.options ?? .blank), setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.metrics = metrics
        self.time = time
    }

    @inlinable
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// Runs a call, and makes it again when it is slow.
    ///
    /// - Parameters:
    ///   - idempotency: Whether the operation may be repeated; an `.unsafe` one is run once and never hedged.
    ///   - deadline: No hedge is started at or after it. The earlier one of this and `CallContext.current`'s counts.
    ///   - classifier: What results mean; by default every error is a failure but a cancellation and a refusal.
    ///   - discard: Gets every value that is not returned (to close an unread HTTP body); the call waits for it.
    ///   - operation: Run once per attempt, at the same time as others; has to end soon after its task is cancelled.
    /// - Returns: The first acceptable result. A value that the classifier calls a failure is returned when no attempt
    ///   had a better one.
    /// - Throws: The first attempt's error when all attempts failed; `.cancelled` when the caller gave up.
    @inlinable
    public func run<Success: Sendable, Failure: Error>(
        idempotency: Idempotency, deadline: MonotonicInstant? = nil,
        classifier: Classifier<Success, Failure> = .default, discard: (@Sendable (Success) async -> Void)? = nil,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let context = Self.context(idempotency, deadline: deadline)
        if Task.isCancelled { throw .cancelled(last: nil) }
        guard isActive, idempotency.isRepeatable else {
            // Nobody compares its result with another's, so that nobody has to know what it means.
            do throws(Failure) {
                return try await operation(context)
            } catch {
                throw Task.isCancelled ? .cancelled(last: error) : .operation(error)
            }
        }
        // Safe because the race has ended before the closure does.
        let settled = await withoutActuallyEscaping(operation) { operation in
            await race(
                deadline: context.deadline, from: time.now(),
                discard: discard.map { discard in { await $0.discard(discard) } }
            ) { number in
                var context = context
                context.isHedge = number > 0
                return await Answer.of(context, classifier, operation)
            }
        }
        switch settled {
        case .outcome(let answer, _): return try answer.result.get()
        case .cancelled(let answer, _):
            if case .failure(let error) = answer.result { throw .cancelled(last: error.lastFailure) }
            throw .cancelled(last: nil)
        }
    }

    /// What the first attempt of a call is told. Everything that its caller does not say comes from the call that this
    /// task works for.
    @usableFromInline
    static func context(_ idempotency: Idempotency, deadline: MonotonicInstant?) -> CallContext {
        var context = CallContext.current ?? CallContext()
        if let deadline { context.deadline = min(deadline, context.deadline ?? deadline) }
        context.attempt = 1
        context.isHedge = false
        context.idempotency = idempotency
        return context
    }

    /// Takes new settings; balance and percentile stay, unless another percentile or window is asked for. Calls under
    /// way go on with the old ones.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: HedgeOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        apply(try PolicySetting<HedgeOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, a delay, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try setting.edited(by: edit))
    }

    func apply(_ setting: PolicySetting<HedgeOptions>) {
        core.withLock { core in
            if let options = setting.options, options != core.machine.options { core.machine.configure(options) }
            core.setting = setting
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
    }

    /// Mode and options now.
    public var setting: PolicySetting<HedgeOptions> {
        core.withLock { $0.setting }
    }

    /// What the hedge knows about itself.
    public struct Status: Sendable, Equatable {
        /// The delay of a call that starts now; nil as long as the percentile is not known.
        public var delay: Duration?
        /// Calls that the percentile is made of; 0 for a fixed delay.
        public var samples: Int
        /// Hedges that the budget allows now; nil without a budget.
        public var budgetBalance: Double?
    }

    /// What the hedge knows about itself now.
    public var status: Status {
        let now = time.now().nanoseconds
        return core.withLock { core in
            Status(
                delay: core.machine.delay(at: now).map { .nanoseconds($0) }, samples: core.machine.samples,
                budgetBalance: core.machine.budget.balance)
        }
    }
}

// MARK: - Bookkeeping of a call

extension Hedge {
    /// How a call begins.
    @usableFromInline
    struct Entry: Sendable {
        /// Nil when the call runs alone: in warm-up, in shadow mode, or because its caller has given up already.
        @usableFromInline let course: Course?
        let start: MonotonicInstant
        let plan: Plan?
        let mode: PolicyMode
    }

    /// A call that may be repeated starts.
    @usableFromInline
    func enter(at start: MonotonicInstant, deadline: MonotonicInstant?) -> Entry {
        let (plan, mode) = core.withLock { ($0.machine.begin(at: start.nanoseconds), $0.setting.mode) }
        guard mode == .enforced, let plan, !Task.isCancelled else {
            return Entry(course: nil, start: start, plan: plan, mode: mode)
        }
        let race = Race(plan, start: start.nanoseconds, deadline: deadline?.nanoseconds ?? .max)
        return Entry(course: Course(race, from: start, of: self), start: start, plan: plan, mode: mode)
    }

    func withdraw() -> Bool {
        let (isAllowed, balance) = core.withLock { ($0.machine.withdraw(), $0.machine.budget.balance) }
        metrics?.balance(balance)
        return isAllowed
    }

    func refund() {
        core.withLock { $0.machine.refund() }
    }

    /// A call that ran alone has ended.
    @usableFromInline
    func leave(_ entry: Entry, _ judgement: Judgement) {
        let now = time.now().nanoseconds
        let duration = now.subtractingSaturated(entry.start.nanoseconds)
        learn(judgement, duration: duration, isComplete: judgement == .acceptable, at: now)
        guard entry.mode == .shadow, let plan = entry.plan else { return }
        guard judgement == .failed || duration > plan.delay else { return finish(.notNeeded, shadow: true) }
        if withdraw() {
            let cause: HedgeEvent.Cause = duration > plan.delay ? .slow : .failed
            let after = Duration.nanoseconds(min(duration, plan.delay))
            listener.report(.started(number: 1, cause: cause, after: after, shadow: true))
            finish(.wouldHedge, shadow: true)
        } else {
            listener.report(.denied(shadow: true))
            finish(.denied, shadow: true)
        }
    }

    /// A call that could be hedged has ended.
    func finish(_ race: Race, from start: MonotonicInstant) {
        let now = time.now().nanoseconds
        for _ in 0..<race.refusedHedges {
            refund()
            listener.report(.denied(shadow: false))
        }
        if let primary = race.primary {
            // What was told to end says nothing about when it would have ended, even if it had an answer.
            let end = min(primary.end, race.cancelInstant ?? .max)
            learn(
                primary.judgement, duration: end.subtractingSaturated(start.nanoseconds),
                isComplete: primary.judgement == .acceptable && end == primary.end, at: now)
        }
        if let cancelled = race.cancelInstant, race.decided != nil {
            let waited = Duration.nanoseconds(max(0, now.subtractingSaturated(cancelled)))
            metrics?.waited(waited)
            listener.report(.waited(waited))
        }
        if race.started - 1 > race.refusedHedges {
            let hasWon = race.winner.map { $0 > 0 } ?? false
            listener.report(.ended(hasWon ? .won : .lost))
            finish(hasWon ? .won : .lost, shadow: false)
        } else {
            finish(race.wasDenied ? .denied : .notNeeded, shadow: false)
        }
    }

    private func finish(_ result: HedgeMetrics.Result, shadow: Bool) {
        metrics?.finished(result, shadow: shadow)
    }

    /// What the callee was not asked about teaches nothing.
    private func learn(_ judgement: Judgement, duration: Int64, isComplete: Bool, at now: Int64) {
        if judgement == .refused { return }
        core.withLock { $0.machine.learn(duration, isComplete: isComplete, at: now) }
    }
}
