// SPDX-License-Identifier: Apache-2.0

/// Who is served next, and how many may wait: `fifo`, `lifo`, `fifo(100)`, `lifo(0)`.
package struct QueueDiscipline: Sendable, Equatable, CustomStringConvertible {
    package enum Order: String, Sendable, CaseIterable {
        /// First come, first served.
        case fifo
        /// The newest first.
        case lifo
    }

    package var order: Order
    /// The most requests that wait; one more is rejected. Nil without a limit.
    package var limit: Int?

    package init(_ order: Order, limit: Int? = nil) {
        self.order = order
        self.limit = limit
    }

    /// The highest limit that can be written.
    package static let highestLimit = 1_000_000

    /// Nil when the text is none of the forms above.
    package init?(text: String) {
        let parts = text.split(separator: "(", maxSplits: 1, omittingEmptySubsequences: false)
        guard let order = Order(rawValue: String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(order)
            return
        }
        guard parts[1].hasSuffix(")"), parts[1].utf8.dropLast().allSatisfy({ (48...57).contains($0) }),
            let limit = Int(parts[1].dropLast()), limit <= Self.highestLimit
        else { return nil }
        self.init(order, limit: limit)
    }

    package var description: String { limit.map { "\(order.rawValue)(\($0))" } ?? order.rawValue }
}
