// SPDX-License-Identifier: Apache-2.0

/// How much work a server takes on at once, and how it chooses when there is more.
public struct LoadShedderOptions: Sendable, Equatable {
    /// The calls that are worked on at once. 0 (refuse everything) … 100,000.
    public var limit: Int
    /// The calls that may wait for one of these places, and for how long.
    public var queue: AdmissionQueueOptions

    public init(limit: Int, queue: AdmissionQueueOptions = AdmissionQueueOptions(capacity: 100)) {
        self.limit = limit
        self.queue = queue
    }
}

extension LoadShedderOptions: PolicyOptions {
    static var blank: LoadShedderOptions { LoadShedderOptions(limit: 0) }
    static var required: [String] { ["limit"] }
    static var shorthand: String? { "limit" }

    static var fields: [ConfigurationField<LoadShedderOptions>] {
        [
            .integer("limit", \.limit, in: 0...100_000),
            .group("queue", \.queue, shorthand: "capacity", AdmissionQueueOptions.fields),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        queue.contradiction.map { [("queue", $0)] } ?? []
    }
}
