// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Bounds the retries of all calls together, so that an overload is not multiplied by the number of attempts.
///
/// Every call earns a fraction of a retry for ten seconds; a floor per second serves callers with few calls. May be
/// shared between policies that reach the same callee.
public final class RetryBudget: Sendable {
    private let state: Mutex<StateMachine?>

    /// - Parameter options: Nil for a budget without bound.
    public init(_ options: RetryOptions.Budget? = RetryOptions.Budget()) {
        state = Mutex(options.map { StateMachine($0) })
    }

    /// Takes new options; what was earned and spent stays.
    func configure(_ options: RetryOptions.Budget?) {
        state.withLock { state in
            guard let options else { return state = nil }
            if state == nil { state = StateMachine(options) } else { state?.configure(options) }
        }
    }

    /// A call was made: it earns its fraction.
    func earn(at now: Int64) {
        state.withLock { $0?.earn(at: now) }
    }

    /// Takes one retry, if there is one.
    func withdraw(at now: Int64) -> Bool {
        state.withLock { state in
            if state == nil { return true }
            return state?.withdraw(at: now) ?? true
        }
    }

    /// Gives a retry back that was not made because the caller gave up first.
    func refund() {
        state.withLock { $0?.refund() }
    }

    /// Retries that could be made at `now`; nil without a bound.
    public func balance(at now: MonotonicInstant) -> Double? {
        state.withLock { state in
            state?.roll(to: now.nanoseconds)
            return state.map { Double($0.balance) / 1_000 }
        }
    }
}

extension RetryBudget {
    /// The budget in thousandths of a retry, over ten buckets of a second: integers only, so that nothing drifts.
    struct StateMachine: Sendable {
        private static let bucketNanoseconds: Int64 = 1_000_000_000

        private struct Bucket: Sendable {
            var calls: Int64 = 0
            var retries: Int64 = 0
        }

        private var ratioThousandths: Int64
        private var floorThousandths: Int64
        private var buckets = InlineArray<10, Bucket>(repeating: Bucket())
        private var newest = 0
        private var end: Int64 = .min
        private var total = Bucket()

        init(_ options: RetryOptions.Budget) {
            ratioThousandths = 0
            floorThousandths = 0
            configure(options)
        }

        mutating func configure(_ options: RetryOptions.Budget) {
            ratioThousandths = Int64((options.ratio * 1_000).rounded())
            floorThousandths = Int64((options.floorPerSecond * 1_000).rounded()) * 10
        }

        /// Thousandths of retries that are left.
        var balance: Int64 {
            total.calls * ratioThousandths + floorThousandths - total.retries * 1_000
        }

        mutating func earn(at now: Int64) {
            roll(to: now)
            buckets[newest].calls += 1
            total.calls += 1
        }

        mutating func withdraw(at now: Int64) -> Bool {
            roll(to: now)
            if balance < 1_000 { return false }
            buckets[newest].retries += 1
            total.retries += 1
            return true
        }

        /// Goes into the newest bucket that has a retry to give back; when all have left the window there is nothing to
        /// do.
        mutating func refund() {
            for age in 0..<10 {
                let index = (newest + 10 - age) % 10
                if buckets[index].retries > 0 {
                    buckets[index].retries -= 1
                    total.retries -= 1
                    return
                }
            }
        }

        mutating func roll(to now: Int64) {
            if now < end { return }
            let passed = end == .min ? Int64.max : now.subtractingSaturated(end) / Self.bucketNanoseconds + 1
            if passed >= 10 {
                buckets = InlineArray(repeating: Bucket())
                total = Bucket()
                end = (now / Self.bucketNanoseconds * Self.bucketNanoseconds).addingSaturated(Self.bucketNanoseconds)
                return
            }
            for _ in 0..<passed {
                newest = newest + 1 == 10 ? 0 : newest + 1
                total.calls -= buckets[newest].calls
                total.retries -= buckets[newest].retries
                buckets[newest] = Bucket()
            }
            end += passed * Self.bucketNanoseconds
        }
    }
}
