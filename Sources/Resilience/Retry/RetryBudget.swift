// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Bounds the retries of all calls together, so that an overload is not multiplied by the number of attempts.
///
/// Every call earns a fraction of a retry for ten seconds; a floor per second serves callers with few calls. Every
/// pipeline has one. Pipelines that reach the same callee can share one: hand the same object to each, or name it in
/// their configuration (``RetryOptions/Budget/shared``).
public final class RetryBudget: Sendable {
    // Two fields instead of an enum with payloads: changing a payload in place would copy it out and back.
    private struct State: Sendable {
        /// Nil without a bound.
        var machine: StateMachine?
        /// When set, everything is asked of that one, which itself follows none.
        var shared: RetryBudget?
    }

    private let state: Mutex<State>

    /// A budget to share between pipelines.
    ///
    /// - Parameter options: Nil for a budget without bound, which turns an overload into a retry storm.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: RetryOptions.Budget? = RetryOptions.Budget()
    ) throws(ConfigurationFaults) {
        try Self.check(options)
        self.init(checked: options)
    }

    init(checked options: RetryOptions.Budget?) {
        state = Mutex(State(machine: options.map { StateMachine($0) }))
    }

    private static func check(_ options: RetryOptions.Budget?) throws(ConfigurationFaults) {
        guard let options else { return }
        var faults: [ConfigurationFault] = []
        ConfigurationField.check(RetryOptions.Budget.fields, options, at: [], &faults)
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
    }

    /// Takes new options; what was earned and spent stays.
    ///
    /// - Parameter options: Nil lifts the bound.
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: RetryOptions.Budget?) throws(ConfigurationFaults) {
        try Self.check(options)
        apply(options)
    }

    /// Takes options that were checked already.
    func apply(_ options: RetryOptions.Budget?) {
        state.withLock { state in
            state.shared = nil
            guard let options else { return state.machine = nil }
            if state.machine == nil { state.machine = StateMachine(options) } else { state.machine?.configure(options) }
        }
    }

    /// From now on everything is asked of the other budget.
    ///
    /// - Precondition: The other one follows none.
    func follow(_ other: RetryBudget) {
        state.withLock { $0 = State(machine: nil, shared: other) }
    }

    /// The one way to the machine; nil without a bound.
    private func update<Result: Sendable>(_ body: (inout StateMachine) -> Result) -> Result? {
        let (result, shared) = state.withLock { state -> (Result?, RetryBudget?) in
            if state.machine == nil { return (nil, state.shared) }
            // Safe because it was looked at above; in place, because a machine is large.
            return (body(&state.machine!), nil)
        }
        return shared?.update(body) ?? result
    }

    /// A call was made: it earns its fraction.
    func earn(at now: Int64) {
        _ = update { $0.earn(at: now) }
    }

    /// Takes one retry, if there is one.
    func withdraw(at now: Int64) -> Bool {
        update { $0.withdraw(at: now) } ?? true
    }

    /// Gives a retry back that never reached the callee: the caller gave up first, or this process refused it.
    @usableFromInline
    func refund() {
        _ = update { $0.refund() }
    }

    /// Retries that could be made at `now`; nil without a bound. Never negative.
    public func balance(at now: MonotonicInstant) -> Double? {
        update { Double($0.balance(at: now.nanoseconds)) / Double(StateMachine.retry) }
    }
}

/// The budgets of a registry that pipelines share by name. One that no pipeline has any more is forgotten.
final class SharedRetryBudgets: Sendable {
    private struct Entry: Sendable {
        weak var budget: RetryBudget?
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// The budget of a name, with these options from now on.
    func budget(named name: String, _ options: RetryOptions.Budget) -> RetryBudget {
        let budget = entries.withLock { entries -> RetryBudget in
            if let budget = entries[name]?.budget { return budget }
            let budget = RetryBudget(checked: options)
            entries = entries.filter { $0.value.budget != nil }
            entries[name] = Entry(budget: budget)
            return budget
        }
        budget.apply(options)
        return budget
    }
}
