// SPDX-License-Identifier: Apache-2.0

/// How long a call may take with all its attempts and the pauses between them.
public struct DeadlineOptions: Sendable, Equatable {
    /// 1 ms … 1 h.
    public var limit: Duration

    /// A limit of 1 ms … 1 h for the whole call.
    public init(limit: Duration) {
        self.limit = limit
    }
}

extension DeadlineOptions: PolicyOptions {
    static var blank: DeadlineOptions { DeadlineOptions(limit: .seconds(3)) }
    static var required: [String] { ["limit"] }
    static var shorthand: String? { "limit" }

    static var fields: [ConfigurationField<DeadlineOptions>] {
        [.duration("limit", \.limit, in: .milliseconds(1) ... .seconds(3600))]
    }
}
