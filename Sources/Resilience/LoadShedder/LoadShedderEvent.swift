// SPDX-License-Identifier: Apache-2.0

/// Something a load shedder did.
public enum LoadShedderEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, Criticality, shadow: Bool)
    /// A call was admitted after it had waited.
    case waited(Duration, Criticality)
    /// Calls below this class and cohort are refused from now on; nil: none are.
    case thresholdMoved(Criticality?, Cohort)
}
