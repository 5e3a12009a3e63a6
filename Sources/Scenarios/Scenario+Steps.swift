// SPDX-License-Identifier: Apache-2.0

package import Patterns

extension Scenario {
    package struct Journey: Sendable {
        package var name: String
        package var steps: [Step]
    }

    package enum Step: Sendable {
        case request(Request)
        case think(Think)
        /// Gives variables new values, which are templates.
        case set([(variable: String, value: String)])
        case group(when: Condition, steps: [Step])
        case loop(Loop)

        /// The requests of this step and of the steps in it.
        package var requests: [Request] {
            switch self {
            case .request(let request): [request]
            case .think, .set: []
            case .group(_, let steps): steps.flatMap(\.requests)
            case .loop(let loop): loop.steps.flatMap(\.requests)
            }
        }
    }

    package enum Think: Sendable, Equatable {
        case fixed(Duration)
        case uniform(Duration, Duration)
        case exponential(Duration)
    }

    /// Steps that are played again and again.
    package struct Loop: Sendable {
        /// Ends before a round in which it does not hold.
        package var whileCondition: Condition?
        /// Ends after a round at whose end it holds.
        package var untilCondition: Condition?
        /// The number of rounds; with a condition, the most.
        package var rounds: Int
        package var steps: [Step]
    }

    /// `${post}`, `not ${post}`, `${count} < 10`. The sides are templates.
    package struct Condition: Sendable, Equatable {
        package enum Comparison: String, Sendable, CaseIterable {
            case equal = "=="
            case notEqual = "!="
            case lessOrEqual = "<="
            case greaterOrEqual = ">="
            case less = "<"
            case greater = ">"
        }
        package var left: String
        /// Nil: whether the left side is not empty.
        package var comparison: Comparison?
        package var right: String
        package var isNegated: Bool

        package init(left: String, comparison: Comparison? = nil, right: String = "", isNegated: Bool = false) {
            self.left = left
            self.comparison = comparison
            self.right = right
            self.isNegated = isNegated
        }
    }

    package struct Request: Sendable {
        package enum Body: Sendable, Equatable {
            /// JSON text with `${…}` in its strings; a template as `TextTemplate` reads it.
            case json(String)
            /// A template.
            case raw(String, contentType: String)
            /// Fields of a form, URL-encoded when it is sent; the values are templates.
            case form([FormField])
            /// Bytes as they are.
            case bytes([UInt8], contentType: String)
        }
        package struct FormField: Sendable, Equatable {
            package var name: String
            package var value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }
        package enum Source: Sendable, Equatable {
            /// A JSON path that `JSONPath` reads.
            case json(String)
            case header(String)
            /// The first group of a pattern, or its whole match, in the body.
            case pattern(Pattern)
            case status
            case cookie(String)
        }
        package struct Capture: Sendable, Equatable {
            package enum Absence: Sendable, Equatable {
                /// The request fails.
                case fails
                /// The variable stays empty.
                case leavesEmpty
                case becomes(String)
            }
            package var variable: String
            package var source: Source
            package var absence: Absence

            package init(variable: String, source: Source, absence: Absence = .fails) {
                self.variable = variable
                self.source = source
                self.absence = absence
            }
        }
        package struct Check: Sendable, Equatable {
            package enum Kind: Sendable, Equatable {
                case status([Int])
                /// The response time is shorter.
                case duration(Duration)
                case text(Place, Test)
            }
            package enum Place: Sendable, Equatable {
                case header(String)
                case body
                case json(String)
            }
            package enum Test: Sendable, Equatable {
                case exists
                /// A template.
                case equals(String)
                /// A template.
                case contains(String)
                case matches(Pattern)
            }
            package var name: String
            package var kind: Kind

            package init(_ name: String, _ kind: Kind) {
                self.name = name
                self.kind = kind
            }
        }

        /// For tables and charts: `GET /v1/posts/{post}/comments`, or the script's own words.
        package var label: String
        /// In capitals.
        package var method: String
        /// Path and query with `${…}`; a template as `TextTemplate` reads it.
        package var path: String
        /// Name of the target.
        package var service: String
        /// `someone`: a user of the population, the same for the whole session.
        package var asSomeone: Bool
        /// The values are templates.
        package var headers: [(name: String, value: String)]
        package var body: Body?
        /// Statuses that are right; empty means any below 400.
        package var expectedStatuses: [Int]
        package var captures: [Capture]
        package var checks: [Check] = []
        /// What must hold, or the request is left out.
        package var when: Condition?
        package var timeout: Duration
    }

    /// A file of rows that are dealt to the sessions: `${people.name}`.
    package struct Feeder: Sendable, Equatable {
        package enum Order: String, Sendable, CaseIterable { case queue, shuffle, random, circular }
        package enum Scope: String, Sendable, CaseIterable { case iteration, user }

        package var name: String
        package var columns: [String]
        /// Every row has as many values as there are columns.
        package var rows: [[String]]
        package var order: Order
        package var scope: Scope
    }
}
