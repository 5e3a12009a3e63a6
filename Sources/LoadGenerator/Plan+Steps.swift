// SPDX-License-Identifier: Apache-2.0

package import Patterns

extension Plan {
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
        /// Gives a variable a new value.
        case set(Variable, Template)
        /// Steps that are left out when the condition does not hold.
        case group(when: Condition, steps: [Step])
        case loop(Loop)
    }

    /// Steps that are played again and again.
    package struct Loop: Sendable {
        /// Ends before a round in which this does not hold.
        package var whileCondition: Condition?
        /// Ends after a round at whose end this holds.
        package var untilCondition: Condition?
        /// Rounds at most.
        package var rounds: Int
        package var steps: [Step]

        package init(rounds: Int, while: Condition? = nil, until: Condition? = nil, steps: [Step]) {
            whileCondition = `while`
            untilCondition = until
            self.rounds = rounds
            self.steps = steps
        }
    }

    /// A comparison of two texts. Texts that are both decimal numbers are compared as numbers; `<` and its like hold for
    /// numbers only.
    package struct Condition: Sendable {
        package enum Comparison: Sendable, BitwiseCopyable {
            case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
        }
        /// The left text is not empty.
        package static func exists(_ left: Template) -> Self { Self(left: left, comparison: nil, right: Template([])) }

        package var left: Template
        /// Nil: whether the left text is not empty.
        package var comparison: Comparison?
        package var right: Template
        package var isNegated = false

        package init(left: Template, comparison: Comparison?, right: Template) {
            self.left = left
            self.comparison = comparison
            self.right = right
        }
    }

    package enum Think: Sendable {
        case fixed(Duration)
        case uniform(Duration, Duration)
        case exponential(mean: Duration)
    }

    package struct Request: Sendable {
        /// Most checks of one request: their results are a mask of bits.
        package static let maximumChecks = 32

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
        /// At most ``maximumChecks``.
        package var checks: [Check] = []
        /// The request is skipped (not scheduled) unless this holds.
        package var when: Condition?
        /// From sent to the last byte.
        package var timeout: Duration = .seconds(10)

        package init(label: String, target: Int, method: String, path: Template) {
            self.label = label
            self.target = target
            self.method = method
            self.path = path
        }
    }

    /// A variable of a session, numbered within its journey; captures and `set` write it, templates and conditions read it.
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
            /// Column of the row that the session has from a feeder.
            case feeder(Int, column: Int)
            /// A value that the set-up captured.
            case shared(Int)
            case uuid
            /// A number that comes once in a run: it follows from the session's number and the place in its journey.
            case counter
            case now(TimeFormat)
            /// The text of the segments in Base64 (RFC 4648, section 4).
            case base64([Segment])
            case randomInteger(ClosedRange<Int>)
            /// Lower-case words, about this number of characters, safe in JSON and URLs when percent-encoded.
            case randomText(length: Int)
        }
        /// How an instant is written.
        package enum TimeFormat: Sendable, BitwiseCopyable {
            /// Unix time in milliseconds, or in seconds.
            case milliseconds, seconds
            /// `2026-11-22T23:10:32.123Z`
            case iso
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

    package enum JSONComponent: Sendable, Equatable {
        case key(String)
        case index(Int)
    }

    package struct Capture: Sendable {
        package enum Source: Sendable {
            /// Components of a JSON path, for example `$.items[0].id`.
            case json([JSONComponent])
            case header(String)
            /// What the first group of the pattern matches in the body, or the whole match without a group.
            case pattern(Pattern)
            case status
            /// Value that the answer gives to the cookie of this name.
            case cookie(String)
        }
        /// What a value that is missing or empty does.
        package enum Absence: Sendable, Equatable {
            /// The request ends as `check-failed`, and with it the journey.
            case fails
            case leavesEmpty
            case becomes([UInt8])
        }
        /// For messages.
        package var name: String
        package var variable: Variable
        package var source: Source
        package var absence: Absence

        package init(_ name: String, variable: Variable, source: Source, absence: Absence = .fails) {
            self.name = name
            self.variable = variable
            self.source = source
            self.absence = absence
        }
    }

    /// Something that an answer should have. Checks are counted by name; a request with one that fails ends as `check-failed`.
    package struct Check: Sendable {
        package enum Kind: Sendable {
            case status([Int])
            /// The response time, measured from the intended start, is shorter.
            case faster(than: Duration)
            case text(Place, Test)
        }
        package enum Place: Sendable {
            case header(String)
            case body
            case json([JSONComponent])
        }
        package enum Test: Sendable {
            /// It is there and not empty.
            case exists
            case equals(Template)
            case contains(Template)
            case matches(Pattern)
        }
        package var name: String
        package var kind: Kind

        package init(_ name: String, _ kind: Kind) {
            self.name = name
            self.kind = kind
        }
    }
}
