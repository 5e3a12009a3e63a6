// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Tries a failed call again, when that can help and does no harm.
///
/// After a failure it asks in this order: may this failure be retried, may this call be repeated, are attempts left,
/// has the next one time enough before the deadline, is there budget. Otherwise the call ends at once with its last real
/// error.
public final class Retry: Sendable {
    private struct Core {
        var machine: StateMachine
        var mode: PolicyMode
    }

    private let core: Mutex<Core>
    private let active: Atomic<Bool>
    /// The retries that are left for all calls together.
    public let budget: RetryBudget
    /// Whether the options say what the budget is; not when it was handed over as an object.
    private let hasConfiguredBudget: Bool
    private let sharedBudgets: SharedRetryBudgets?
    private let listener: PolicyListener<RetryEvent>

    init(
        checked options: RetryOptions, mode: PolicyMode, seed: UInt64, budget: RetryBudget? = nil,
        sharedBudgets: SharedRetryBudgets? = nil, listener: PolicyListener<RetryEvent>
    ) {
        core = Mutex(Core(machine: StateMachine(options: options, seed: seed), mode: mode))
        active = Atomic(mode != .disabled)
        self.budget = budget ?? RetryBudget(checked: options.budget)
        hasConfiguredBudget = budget == nil
        self.sharedBudgets = sharedBudgets
        self.listener = listener
        configureBudget(options.budget)
    }

    /// A name means the registry's budget of that name; where there is no registry nobody shares it.
    private func configureBudget(_ options: RetryOptions.Budget?) {
        if !hasConfiguredBudget { return }
        if let options, let name = options.shared, let sharedBudgets {
            budget.follow(sharedBudgets.budget(named: name, options))
        } else {
            budget.apply(options)
        }
    }

    @usableFromInline
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// Takes new settings; the budget's balance stays.
    func apply(mode: PolicyMode, options: RetryOptions) {
        configureBudget(options.budget)
        core.withLock {
            $0.machine.options = options
            $0.mode = mode
        }
        active.store(mode != .disabled, ordering: .relaxed)
    }

    /// A call is made: it was admitted and its operation starts.
    @usableFromInline
    func begin(at now: MonotonicInstant) {
        budget.earn(at: now.nanoseconds)
    }

    /// Whether a failed attempt is followed by another one. A retry that is allowed has been taken from the budget.
    @usableFromInline
    func decide(_ failed: Failed, at now: MonotonicInstant) -> Decision {
        let decision = core.withLock { core -> Decision in
            let isShadow = core.mode != .enforced
            let decision = core.machine.decide(failed, at: now.nanoseconds) { [budget] now in
                isShadow ? true : budget.withdraw(at: now)
            }
            if case .retry = decision, isShadow { return .stop(.shadow) }
            return decision
        }
        switch decision {
        case .retry(let delay):
            listener.report(.retrying(attempt: failed.attempt + 1, delay: .nanoseconds(delay)))
        case .stop(let reason):
            listener.report(.stopped(reason, attempts: failed.attempt))
        }
        return decision
    }
}
