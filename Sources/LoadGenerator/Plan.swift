// SPDX-License-Identifier: Apache-2.0

/// What the engine plays: a scenario compiled to integers and cut templates.
///
/// Immutable; shared by all workers. It knows targets, users and journeys as tables, and nothing of YAML, of the social
/// network or of policies.
package struct Plan: Sendable {
    package var seed: UInt64
    package var targets: [Target]
    package var journeys: [Journey]
    package var sources: [Source]
    /// Data that templates read, for example the users of the population with their tokens.
    package var tables: [Table] = []
    /// How sessions get rows of tables that are dealt out rather than drawn at each use.
    package var feeders: [Feeder] = []
    /// First values of the variables that a user keeps from one journey to the next. They have the lowest numbers in every journey:
    /// variable i begins as `kept[i]`.
    package var kept: [[UInt8]] = []
    /// Played once before the load, by one session; the values of its first `sharedCount` variables are `.shared` to all journeys.
    package var setUp: Journey?
    package var sharedCount = 0
    /// Played once after the load, also after one that was stopped.
    package var tearDown: Journey?
    /// Every user has a cookie jar of its own.
    package var cookies = false
    package var connections = Connections()
    /// Number of engine threads.
    package var workers = 1
    /// Requests that come due while this many are in flight wait until others have ended. They are not left out and not sent at the
    /// price of their time: their wait is response time, as if the target had made them wait, so that percentiles are right
    /// whatever this is. Arrivals that are held back cost no memory. Those whose turn has not come when their source is cut are never
    /// started, at their age then; so is every arrival without a row, at its age at the end of the run.
    package var maxInFlight = 100_000

    package init(seed: UInt64, targets: [Target], journeys: [Journey], sources: [Source]) {
        self.seed = seed
        self.targets = targets
        self.journeys = journeys
        self.sources = sources
    }
}

extension Plan {
    /// A server that steps send requests to.
    package struct Target: Sendable {
        package var name: String
        /// Host name or literal address.
        package var host: String
        package var port: Int
        /// Nil for plain TCP.
        package var tls: TLS?

        package init(name: String, host: String, port: Int, tls: TLS?) {
            self.name = name
            self.host = host
            self.port = port
            self.tls = tls
        }
    }

    /// Rows that templates draw from.
    package struct Table: Sendable {
        package var name: String
        package var columns: [String]
        /// Every row has as many values as there are columns.
        package var rows: [[String]]
        package var draw: Draw

        package enum Draw: Sendable {
            case uniform
            /// Row i (from 0) has a weight of 1 / (i + 1)^exponent.
            case zipf(exponent: Double)
        }

        package init(name: String, columns: [String], rows: [[String]], draw: Draw) {
            self.name = name
            self.columns = columns
            self.rows = rows
            self.draw = draw
        }
    }

    /// What nothing is measured before, after the start of the load: the instant from which every source with a warm-up has
    /// ended it. Sources without one don't delay it; without any warm-up it is when the first source starts.
    package var measuredFrom: Duration {
        sources.filter { $0.warmup > .zero }.map { $0.startOffset + $0.warmup }.max()
            ?? sources.map(\.startOffset).min() ?? .zero
    }

    /// A table whose rows are given to sessions by a rule.
    ///
    /// Which row a session gets follows from the seed and from the session's number, not from timing: rows are dealt like cards,
    /// first to the sources that use the feeder, in a closed source to its users, and then in the order of the sessions.
    package struct Feeder: Sendable {
        package enum Order: Sendable {
            /// In the table's order, each row once.
            case queue
            /// In a random order, each row once.
            case shuffle
            /// Any row at each use.
            case random
            /// In the table's order, again and again.
            case circular
        }
        package enum Scope: Sendable {
            /// A row for each journey.
            case iteration
            /// A row for each user of a closed source, kept over journeys; in an open source every session is a user.
            case user
        }
        package var name: String
        /// Index into `Plan.tables`.
        package var table: Int
        package var order: Order
        package var scope: Scope

        package init(name: String, table: Int, order: Order, scope: Scope = .iteration) {
            self.name = name
            self.table = table
            self.order = order
            self.scope = scope
        }
    }

    /// A source of arrivals: each starts one journey.
    package struct Source: Sendable {
        package var name: String
        /// After the start of the load.
        package var startOffset: Duration = .zero
        package var arrivals: Arrivals
        package var rate: Rate
        package var duration: Duration
        /// Played first, not measured; part of `duration` as the engine sees it. See ``Plan/measuredFrom`` for several sources.
        package var warmup: Duration = .zero
        /// How long the journeys of this source may go on after its end; then they are aborted.
        package var gracefulStop: Duration = .seconds(30)
        /// For closed loops: the source ends after this number of journeys, shared by its users, or after `duration` if that comes
        /// first. Each worker gets the share of its users.
        package var iterations: Int?
        /// Index into `Plan.journeys` and its weight.
        package var journeys: [(journey: Int, weight: Double)]

        package enum Arrivals: Sendable { case uniform, poisson }
        package enum Rate: Sendable {
            /// Arrivals a second.
            case constant(perSecond: Double)
            /// Straight lines from `start` through the stages, in arrivals a second.
            case ramping(start: Double, stages: [(duration: Duration, target: Double)])
            /// As fast as it goes with this number of sessions at once: a closed loop.
            case closed(users: Int)
            /// A closed loop whose number of users follows straight lines from `start` through the stages, rounded up. A user who is to
            /// go finishes the journey under way.
            case rampingUsers(start: Int, stages: [(duration: Duration, target: Int)])
        }

        package init(
            name: String, arrivals: Arrivals, rate: Rate, duration: Duration, journeys: [(journey: Int, weight: Double)]
        ) {
            self.name = name
            self.arrivals = arrivals
            self.rate = rate
            self.duration = duration
            self.journeys = journeys
        }
    }
}
