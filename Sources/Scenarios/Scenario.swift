// SPDX-License-Identifier: Apache-2.0

package import FaultInjection
package import Resilience

/// A scenario script after parsing and validation: everything in it is known to make sense.
package struct Scenario: Sendable {
    package var name: String
    package var description: String = ""
    package var system: System
    package var seed: UInt64
    package var population = Population()
    package var load: [Load]
    package var journeys: [Journey]
    package var faults: [Fault] = []
    package var policies: PolicyEdits = .init()
    /// In the script's order. A script without `variants` has one, `default`, without edits.
    package var variants: [Variant]
    package var thresholds: [Threshold] = []
    /// The script's text.
    package var source: String
}

extension Scenario {
    package enum System: Sendable, Equatable {
        /// The built-in social network: targets `user`, `post`, `comment`.
        case social
        /// Servers that are already there, by name.
        case targets([Target])
    }

    package struct Target: Sendable, Equatable {
        package var name: String
        /// `https://host:port` or `http://host:port`.
        package var url: String
        /// PEM file of the roots to trust, or nil for the system's.
        package var rootsFile: String?
        package var verify = true
    }

    /// The people and posts that the social network is seeded with.
    package struct Population: Sendable, Equatable {
        package var users = 200
        /// Mean number of friends of a user.
        package var friends = 10
        package var posts = 600
        package var comments = 1200
        /// Zipf exponent of how popular users are.
        package var skew = 0.99
    }

    package struct Load: Sendable {
        package enum Arrivals: Sendable { case uniform, poisson }
        package enum Executor: Sendable {
            case constantArrivalRate(perSecond: Double)
            case rampingArrivalRate(startPerSecond: Double, stages: [Stage])
            case constantUsers(Int)
        }
        package struct Stage: Sendable {
            package var duration: Duration
            package var targetPerSecond: Double
        }

        package var name: String
        package var executor: Executor
        package var arrivals: Arrivals
        /// Without the warm-up.
        package var duration: Duration
        package var warmup: Duration
        package var start: Duration
        /// Journey names and weights, in the script's order.
        package var journeys: [(name: String, weight: Double)]
    }

    package struct Journey: Sendable {
        package var name: String
        package var steps: [Step]
    }

    package enum Step: Sendable {
        case request(Request)
        case think(Think)
    }

    package enum Think: Sendable {
        case fixed(Duration)
        case uniform(Duration, Duration)
        case exponential(Duration)
    }

    package struct Request: Sendable {
        package enum Body: Sendable {
            /// JSON text with `${…}` in its strings.
            case json(String)
            case raw(String, contentType: String)
        }
        package enum Source: Sendable, Equatable {
            case json(String)
            case header(String)
        }
        package struct Capture: Sendable {
            package var variable: String
            package var source: Source
            package var required: Bool
        }

        package var method: String
        /// Path and query with `${…}`.
        package var path: String
        /// Name of the target.
        package var service: String
        /// `someone`: a user of the population, the same for the whole session.
        package var asSomeone: Bool
        package var headers: [(name: String, value: String)]
        package var body: Body?
        package var expectedStatuses: [Int]
        package var captures: [Capture]
        /// A variable that must have a value.
        package var when: String?
        package var timeout: Duration
    }

    package struct Variant: Sendable {
        package var name: String
        package var edits: PolicyEdits
    }

    package struct Threshold: Sendable {
        package enum Metric: Sendable, Equatable {
            case percentile(Double)
            case success
            case errors
            case mean
            case max
            /// Time from the end of the fault until the run is back at its baseline.
            case recovery
        }
        package enum Comparison: String, Sendable { case less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">=" }

        /// As written in the script.
        package var expression: String
        /// Name of a journey, or nil for all.
        package var journey: String?
        package var metric: Metric
        package var comparison: Comparison
        /// Nanoseconds for durations, 0…1 for ratios.
        package var value: Double
        /// `baseline`, `fault` or `recovery`, or nil for the whole run.
        package var phase: String?
    }
}
