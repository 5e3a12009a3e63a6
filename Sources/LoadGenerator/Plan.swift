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
    package var connections = Connections()
    /// Number of engine threads.
    package var workers = 1
    /// Arrivals beyond this number of requests in flight are recorded as never started.
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

    package struct Journey: Sendable {
        package var name: String
        /// Index into `Plan.tables` of the table in which a session's user is a row, drawn when the session starts.
        package var userTable: Int?
        package var steps: [Step]

        package init(name: String, userTable: Int? = nil, steps: [Step]) {
            self.name = name
            self.userTable = userTable
            self.steps = steps
        }
    }

    package enum Step: Sendable {
        case request(Request)
        case think(Think)
    }

    package enum Think: Sendable {
        case fixed(Duration)
        case uniform(Duration, Duration)
        case exponential(mean: Duration)
    }

    package struct Request: Sendable {
        /// For the report: "GET /v1/timelines/home".
        package var label: String
        /// Index into `Plan.targets`.
        package var target: Int
        package var method: String
        /// Path and query.
        package var path: Template
        package var headers: [(name: String, value: Template)] = []
        package var body: Template?
        package var expect = Expectation()
        package var captures: [Capture] = []
        /// The request is skipped (not scheduled) unless this variable has a value that is not empty.
        package var when: Variable?
        /// From sent to the last byte.
        package var timeout: Duration = .seconds(10)

        package init(label: String, target: Int, method: String, path: Template) {
            self.label = label
            self.target = target
            self.method = method
            self.path = path
        }
    }

    /// A variable of a session, numbered within its journey; captures write it, templates and `when` read it.
    package struct Variable: Sendable, Hashable {
        package var index: Int
        package init(index: Int) { self.index = index }
    }

    /// Text with holes.
    package struct Template: Sendable {
        package enum Segment: Sendable {
            case literal([UInt8])
            case variable(Variable)
            /// Column of the session's user.
            case user(column: Int)
            /// Column of a row drawn anew from a table at each use.
            case random(table: Int, column: Int)
            case uuid
            /// Counts from 0 over all workers' sessions of this journey.
            case counter
            /// Unix time in milliseconds.
            case now
            case randomInteger(ClosedRange<Int>)
            /// Lower-case words, about this number of characters, safe in JSON and URLs when percent-encoded.
            case randomText(length: Int)
        }
        package var segments: [Segment]

        package init(_ segments: [Segment]) { self.segments = segments }
        package static func literal(_ text: String) -> Self { Self([.literal(Array(text.utf8))]) }
    }

    package struct Expectation: Sendable {
        /// Statuses that are right; empty means any below 400.
        package var statuses: [Int] = []
        package init() {}
    }

    package struct Capture: Sendable {
        package enum Source: Sendable {
            /// Components of a JSON path, for example `$.items[0].id`.
            case json([JSONComponent])
            case header(String)
        }
        package enum JSONComponent: Sendable, Equatable {
            case key(String)
            case index(Int)
        }
        package var variable: Variable
        package var source: Source
        /// A missing value fails the request's check; otherwise it leaves the variable empty.
        package var required = false

        package init(variable: Variable, source: Source) {
            self.variable = variable
            self.source = source
        }
    }
}
