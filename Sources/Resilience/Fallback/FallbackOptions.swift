// SPDX-License-Identifier: Apache-2.0

/// The fallback has no parameters: what to answer instead is code and comes with the call.
public struct FallbackOptions: Sendable, Equatable {
    public init() {}
}

extension FallbackOptions: PolicyOptions {
    static var blank: FallbackOptions { FallbackOptions() }
    static var fields: [ConfigurationField<FallbackOptions>] { [] }
}
