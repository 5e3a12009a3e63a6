// SPDX-License-Identifier: Apache-2.0

/// How long one attempt may take.
public struct AttemptTimeoutOptions: Sendable, Equatable {
    /// 1 ms … 1 h.
    public var limit: Duration

    /// A limit of 1 ms … 1 h for each attempt.
    public init(limit: Duration) {
        self.limit = limit
    }
}

extension AttemptTimeoutOptions: PolicyOptions {
    static var blank: AttemptTimeoutOptions { AttemptTimeoutOptions(limit: .seconds(1)) }
    static var required: [String] { ["limit"] }
    static var shorthand: String? { "limit" }

    static var fields: [ConfigurationField<AttemptTimeoutOptions>] {
        [.duration("limit", \.limit, in: .milliseconds(1) ... .seconds(3600))]
    }
}
