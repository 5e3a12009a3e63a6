// SPDX-License-Identifier: Apache-2.0

/// How much work a server takes on at once, and how it chooses when there is more.
public struct LoadShedderOptions: Sendable, Equatable {
    /// Where the number of calls that are worked on at once comes from.
    public enum Limit: Sendable, Hashable, ExpressibleByIntegerLiteral {
        /// 0 (refuse everything) … 100,000.
        case fixed(Int)
        /// The one that the adaptive limit beside the shedder has found out.
        case adaptive

        /// A fixed limit.
        ///
        /// - Parameter value: 0 … 100,000.
        public init(integerLiteral value: Int) {
            self = .fixed(value)
        }
    }

    /// The calls that are worked on at once.
    public var limit: Limit
    /// The calls that may wait for one of these places, and for how long.
    public var queue: AdmissionQueueOptions

    /// Options; bounds are checked where they are used.
    ///
    /// - Parameters:
    ///   - limit: The calls that are worked on at once.
    ///   - queue: The calls that may wait, and for how long.
    public init(limit: Limit, queue: AdmissionQueueOptions = AdmissionQueueOptions(capacity: 100)) {
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
            .scalar(
                "limit", expects: "a whole number from 0 to 100000, or adaptive", \.limit, write: Limit.write,
                parse: Limit.parse),
            .group("queue", \.queue, shorthand: "capacity", AdmissionQueueOptions.fields),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        queue.contradiction.map { [("queue", $0)] } ?? []
    }
}

extension LoadShedderOptions.Limit {
    fileprivate static func write(_ limit: Self) -> ConfigurationValue? {
        switch limit {
        case .fixed(let number): .int(number)
        case .adaptive: "adaptive"
        }
    }

    fileprivate static func parse(_ value: ConfigurationValue) -> Self? {
        switch value {
        case .int(let number) where (0...100_000).contains(number): .fixed(number)
        case "adaptive": .adaptive
        default: nil
        }
    }
}
