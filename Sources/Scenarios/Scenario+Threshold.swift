// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Something that must hold in a run, and what happens when it does not.
    package struct Threshold: Sendable, Equatable {
        /// What is measured; the limit is a duration, a share, a number or a rate accordingly.
        package enum Metric: Sendable, Equatable {
            /// A statistic of durations. The limit is in nanoseconds.
            case time(Statistic, of: Times = .answers)
            /// Share of the requests, 0…1.
            case share(Kind)
            /// Share of the requests that passed the check of this name, 0…1, out of all that were tried.
            case check(String)
            /// Number of requests.
            case number(Kind)
            /// Requests sent a second: those due in the time in question, without those that were never started.
            case rate
            /// Answers as expected a second, by the second in which they ended.
            case goodput
            /// Time from the end of the fault until the run is back at its baseline. The limit is in nanoseconds.
            case recovery
        }

        package enum Statistic: Sendable, Equatable {
            /// 0…100.
            case percentile(Double)
            case mean, min, max
        }

        /// Which durations of which requests.
        package enum Times: String, Sendable, CaseIterable {
            /// Response times of successes together with the requests that never got a usable answer, at their age: waiting in
            /// vain can't make a percentile better. Those that gave up waiting (timeouts, no connection, aborted, never
            /// started) always count; those that were cut off (resets, TLS, garbage) do where that makes the figure worse,
            /// since one that is refused at once must not make it better.
            case answers
            /// Response times of the requests that ended as expected, and of no others.
            case successes
            /// Response times of every request, fast failures included.
            case all
            /// end − sent of the requests that ended as expected.
            case serviceTime = "service-time"
        }

        /// Which requests are counted.
        package enum Kind: String, Sendable, CaseIterable {
            /// Ended as expected.
            case success
            /// Everything else.
            case errors
            /// Came due and were never sent.
            case dropped
            /// Passed all checks of their step, out of those whose status was right.
            case checks
            /// All that came due.
            case requests
        }

        package enum Comparison: String, Sendable, CaseIterable {
            case less = "<"
            case lessOrEqual = "<="
            case greater = ">"
            case greaterOrEqual = ">="
            case equal = "=="
            case notEqual = "!="

            /// Whether the comparison holds.
            package func holds(_ value: Double, _ limit: Double) -> Bool {
                switch self {
                case .less: value < limit
                case .lessOrEqual: value <= limit
                case .greater: value > limit
                case .greaterOrEqual: value >= limit
                case .equal: value == limit
                case .notEqual: value != limit
                }
            }
        }

        /// A stretch of the run.
        package enum Part: Sendable, Equatable {
            /// `baseline`, `fault` or `recovery`, cut at the measured times of the faults.
            case phase(String)
            /// From and to, after the start of the load.
            case time(from: Duration, to: Duration)
        }

        /// How a missed threshold ends a run before its plan.
        package struct Abort: Sendable, Equatable {
            /// How much of the measured time must have passed before the threshold may end the run.
            package var after: Duration
            /// Whether the variants that come later are left out too.
            package var endsExperiment: Bool

            package init(after: Duration = .zero, endsExperiment: Bool = false) {
                self.after = after
                self.endsExperiment = endsExperiment
            }
        }

        /// As written in the script.
        package var expression: String
        /// Name of a journey, or nil for all.
        package var journey: String?
        /// Label of a request step, or nil for all.
        package var step: String?
        package var metric: Metric
        package var comparison: Comparison
        /// In the unit of the metric.
        package var value: Double
        /// Nil for the whole measured run.
        package var part: Part?
        /// Length of a sliding window in whole seconds: it must hold in every window. Nil for all of the part at once.
        package var windowSeconds: Int?
        /// The variant whose runs it judges, or nil for all of them.
        package var variant: String?
        /// Nil when the run goes on whatever is measured.
        package var abort: Abort?

        package init(
            expression: String, journey: String? = nil, step: String? = nil, metric: Metric, comparison: Comparison,
            value: Double, part: Part? = nil, windowSeconds: Int? = nil, variant: String? = nil, abort: Abort? = nil
        ) {
            self.expression = expression
            self.journey = journey
            self.step = step
            self.metric = metric
            self.comparison = comparison
            self.value = value
            self.part = part
            self.windowSeconds = windowSeconds
            self.variant = variant
            self.abort = abort
        }
    }
}
