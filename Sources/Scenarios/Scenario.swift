// SPDX-License-Identifier: Apache-2.0

package import FaultInjection
package import Resilience
package import Stations

/// A scenario script after parsing and validation: everything in it is known to make sense.
package struct Scenario: Sendable {
    package var name: String
    package var description: String = ""
    package var system: System
    package var seed: UInt64
    package var population = Population()
    package var connections = Connections()
    /// Requests that are due beyond this number in flight wait until others have ended; their wait is response time.
    package var maxInFlight = 100_000
    /// Threads of the load generator.
    package var workers = 1
    package var load: [Load]
    package var journeys: [Journey]
    /// Played once before the load; what it captures is known to all journeys.
    package var setUp: [Step] = []
    /// Played once after the load.
    package var tearDown: [Step] = []
    package var feeders: [Feeder] = []
    /// Variables that a user keeps from journey to journey, with their first values.
    package var state: [(name: String, value: String)] = []
    /// Each user has a cookie jar.
    package var cookies = false
    package var faults: [Fault] = []
    package var policies: PolicyEdits = .init()
    /// In the script's order. A script without `variants` has one, `default`, without edits.
    package var variants: [Variant]
    package var thresholds: [Threshold] = []
    /// The script's text.
    package var source: String
}

extension Scenario {
    /// How many threads the load generator may have.
    package static let workerRange = 1...64

    package enum System: Sendable, Equatable {
        /// The built-in social network: targets `user`, `post`, `comment`.
        case social
        /// Servers that are already there, by name.
        case targets([Target])
        /// Virtual service stations, which one process plays.
        case stations([Station], tls: Bool)
    }

    /// A virtual station that steps send requests to.
    package struct Station: Sendable, Equatable {
        package var name: String
        package var options: StationOptions

        package init(name: String, options: StationOptions) {
            self.name = name
            self.options = options
        }
    }

    package struct Target: Sendable, Equatable {
        package var name: String
        /// `https://host:port` or `http://host:port`.
        package var url: String
        /// PEM file of the roots to trust, or nil for the system's.
        package var rootsFile: String?
        package var verify = true
        /// How TLS is spoken beyond that.
        package var tls = TLS()

        package init(name: String, url: String, rootsFile: String? = nil, verify: Bool = true) {
            self.name = name
            self.url = url
            self.rootsFile = rootsFile
            self.verify = verify
        }
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

        package init(users: Int = 200, friends: Int = 10, posts: Int = 600, comments: Int = 1200, skew: Double = 0.99) {
            self.users = users
            self.friends = friends
            self.posts = posts
            self.comments = comments
            self.skew = skew
        }
    }

    package struct Load: Sendable {
        package enum Arrivals: String, Sendable, CaseIterable { case uniform, poisson }
        package enum Executor: Sendable, Equatable {
            case constantArrivalRate(perSecond: Double)
            /// Straight lines from the start rate through the stages. The warm-up before them holds the start rate.
            case rampingArrivalRate(startPerSecond: Double, stages: [Stage])
            /// A closed loop: each user begins a journey as soon as the last one has ended.
            case constantUsers(Int)
            /// A closed loop whose number of users follows straight lines, rounded up. The warm-up before them holds the start.
            case rampingUsers(start: Int, stages: [UserStage])
            /// A closed loop that ends after a number of journeys, which the users share, or after `duration`.
            case sharedIterations(users: Int, iterations: Int)

            /// Whether users begin a journey when their last one has ended, rather than when it is due.
            package var isClosed: Bool {
                switch self {
                case .constantArrivalRate, .rampingArrivalRate: false
                case .constantUsers, .rampingUsers, .sharedIterations: true
                }
            }
        }
        package struct UserStage: Sendable, Equatable {
            package var duration: Duration
            package var target: Int

            package init(duration: Duration, target: Int) {
                self.duration = duration
                self.target = target
            }
        }
        package struct Stage: Sendable, Equatable {
            package var duration: Duration
            package var targetPerSecond: Double

            package init(duration: Duration, targetPerSecond: Double) {
                self.duration = duration
                self.targetPerSecond = targetPerSecond
            }
        }

        package var name: String
        package var executor: Executor
        package var arrivals: Arrivals
        /// Without the warm-up. For a ramp the sum of its stages; for shared iterations the longest time they may take.
        package var duration: Duration
        /// Played before `duration` begins, not measured.
        package var warmup: Duration
        /// After the start of the whole load; the warm-up begins here.
        package var start: Duration
        /// How long journeys may go on after the end of this load; then they are aborted.
        package var gracefulStop: Duration = .seconds(30)
        /// Journey names and weights, in the script's order.
        package var journeys: [(name: String, weight: Double)]
    }

    package struct Variant: Sendable {
        package var name: String
        package var edits: PolicyEdits
    }
}
