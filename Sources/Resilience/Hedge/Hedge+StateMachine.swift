// SPDX-License-Identifier: Apache-2.0

extension Hedge {
    /// What one call may do.
    struct Plan: Sendable, Equatable {
        /// Nanoseconds from one attempt to the next.
        var delay: Int64
        /// Hedges at most.
        var hedges: Int
    }

    /// What all calls of a policy share: the percentile and the budget.
    struct StateMachine: Sendable {
        private(set) var options: HedgeOptions
        private(set) var budget: HedgeBudget
        /// Nil for a fixed delay, which needs none.
        private var durations: DurationQuantile?

        init(options: HedgeOptions) {
            self.options = options
            budget = HedgeBudget(options.budget)
            durations = Self.durations(options)
        }

        private static func durations(_ options: HedgeOptions) -> DurationQuantile? {
            options.quantile.map {
                DurationQuantile(
                    $0, window: options.window.nanosecondsSaturated, minimum: options.minimumSamples)
            }
        }

        /// Takes new options. The balance stays, and what was learnt unless another quantile or window is asked for.
        mutating func configure(_ new: HedgeOptions) {
            let old = options
            options = new
            budget.configure(new.budget)
            if old.delay != new.delay || old.window != new.window {
                durations = Self.durations(new)
            } else {
                durations?.require(new.minimumSamples)
            }
        }

        /// A call that may be repeated starts; it earns its part of a hedge.
        ///
        /// - Returns: What it may do; nil as long as the percentile is not known.
        mutating func begin(at now: Int64) -> Plan? {
            budget.earn()
            return delay(at: now).map { Plan(delay: $0, hedges: options.attempts) }
        }

        mutating func withdraw() -> Bool {
            budget.withdraw()
        }

        mutating func refund() {
            budget.refund()
        }

        /// The first attempt of a call has ended.
        ///
        /// - Parameter isComplete: Whether it ended with an acceptable result of its own accord. A failure and a
        ///   time-out only say that such a result would have come later: they don't make the callee look quick.
        mutating func learn(_ duration: Int64, isComplete: Bool, at now: Int64) {
            durations?.record(max(0, duration), isComplete: isComplete, at: now)
        }

        /// The delay now in nanoseconds; nil as long as it is not known.
        mutating func delay(at now: Int64) -> Int64? {
            let least = options.minimumDelay.nanosecondsSaturated
            switch options.delay {
            case .fixed(let duration): return duration.nanosecondsSaturated
            case .percentile: return durations?.estimate(at: now).map { max(least, $0) }
            }
        }

        /// Calls that the percentile is made of; 0 for a fixed delay.
        var samples: Int {
            durations?.count ?? 0
        }
    }
}
