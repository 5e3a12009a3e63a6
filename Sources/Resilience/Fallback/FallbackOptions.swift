// SPDX-License-Identifier: Apache-2.0

/// The fallback has no parameters: what to answer instead is code and comes with the call.
public struct FallbackOptions: Sendable, Equatable {
    /// A fallback has nothing to set but its mode.
    public init() {}
}

extension FallbackOptions: PolicyOptions {
    static var blank: FallbackOptions { FallbackOptions() }
    static var fields: [ConfigurationField<FallbackOptions>] { [] }
}
