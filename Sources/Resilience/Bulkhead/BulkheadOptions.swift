// SPDX-License-Identifier: Apache-2.0

/// How many calls may be under way at once, and how many may wait for their turn.
public struct BulkheadOptions: Sendable, Equatable {
    /// Who goes first.
    public enum Order: String, Sendable, CaseIterable {
        /// The call that has waited longest.
        case fifo
        /// The call that came last: in an overload somebody still waits for its answer.
        case lifo
    }

    /// Calls at once. 0 refuses everything; up to 1,000,000.
    public var limit: Int
    /// Calls that may wait. 0 … 1,000,000.
    public var queue: Int
    /// How long a call may wait. 0 … 1 h. The call's deadline may make it shorter.
    public var maximumWait: Duration
    /// Who gets the next slot.
    public var order: Order

    /// A limit of calls under way, with a queue of the given length and patience behind it.
    public init(limit: Int, queue: Int = 0, maximumWait: Duration = .seconds(1), order: Order = .fifo) {
        self.limit = limit
        self.queue = queue
        self.maximumWait = maximumWait
        self.order = order
    }
}

extension BulkheadOptions: PolicyOptions {
    static var blank: BulkheadOptions { BulkheadOptions(limit: 0) }
    static var required: [String] { ["limit"] }
    static var shorthand: String? { "limit" }

    static var fields: [ConfigurationField<BulkheadOptions>] {
        [
            .integer("limit", \.limit, in: 0...1_000_000),
            .integer("queue", \.queue, in: 0...1_000_000),
            .duration("max-wait", \.maximumWait, in: .zero ... .seconds(3600)),
            .word("order", \.order),
        ]
    }
}
