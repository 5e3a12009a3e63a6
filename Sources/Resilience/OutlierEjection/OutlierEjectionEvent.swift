// SPDX-License-Identifier: Apache-2.0

/// Something that happened to an endpoint.
public enum OutlierEjectionEvent<Endpoint: Hashable & Sendable>: Sendable, Hashable {
    /// The rule that an endpoint broke.
    public typealias Cause = OutlierEjectionCause

    /// The endpoint is left out from now on, or would be.
    case ejected(Endpoint, cause: Cause, for: Duration, shadow: Bool)
    /// The endpoint broke a rule, but too many are left out already.
    case spared(Endpoint, cause: Cause)
    /// The endpoint is left out no longer: it is called again, or it has left the list.
    case returned(Endpoint)
}

/// The rule that an endpoint broke.
public enum OutlierEjectionCause: String, Sendable, Hashable, Codable, CaseIterable {
    /// Too many failures in a row.
    case consecutiveFailures = "consecutive-failures"
    /// Too large a share of failures.
    case failureRate = "failure-rate"
}
