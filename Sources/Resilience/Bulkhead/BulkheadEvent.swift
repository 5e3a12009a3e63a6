// SPDX-License-Identifier: Apache-2.0

/// Something a bulkhead did.
public enum BulkheadEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, shadow: Bool)
    /// A call got its slot after it had waited.
    case waited(Duration)
}
