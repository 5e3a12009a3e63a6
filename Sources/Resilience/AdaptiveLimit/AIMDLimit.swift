// SPDX-License-Identifier: Apache-2.0

/// Additive increase, multiplicative decrease, as in TCP's congestion avoidance: one call more for each good window,
/// a tenth less for each with dropped calls or an unhealthy round trip.
///
/// It needs no baseline, and therefore sees an overload only when calls are dropped or pass the maximum healthy round
/// trip.
public struct AIMDLimit: LimitAlgorithm {
    private var estimate: Double
    private var bounds: LimitBounds
    /// What is left of the limit after a bad window, 0.5 … 0.99.
    private let backoff: Double

    /// An algorithm that starts at `initial` within `bounds`; `backoff` is what is left after a bad window, 0.5 … 0.99.
    public init(initial: Int, bounds: LimitBounds, backoff: Double = 0.9) {
        self.bounds = bounds
        self.backoff = backoff
        estimate = bounds.clamp(Double(initial))
    }

    public var limit: Int {
        Int(estimate)
    }

    public mutating func update(_ sample: LimitSample) {
        if bounds.isOverload(sample) {
            estimate = bounds.clamp((estimate * backoff).rounded(.down))
        } else if sample.completed > 0, !sample.isApplicationLimited(estimate) {
            estimate = bounds.clamp(estimate + 1)
        }
    }

    public mutating func configure(_ bounds: LimitBounds) {
        self.bounds = bounds
        estimate = bounds.clamp(estimate)
    }
}
