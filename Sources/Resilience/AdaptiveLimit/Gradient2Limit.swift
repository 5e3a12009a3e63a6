// SPDX-License-Identifier: Apache-2.0

/// Netflix' Gradient2: compares the round trip of a window with its long-term average, and needs no probe.
///
/// gradient = tolerance · long / window, in 0.5 … 1; limit ← 0.8 · limit + 0.2 · (gradient · limit + 4). The
/// long-term average is an exponential one over 600 windows (the mean of the first ten until then). When it is more
/// than twice the window's round trip it is cut by 5 %, so that it comes down from an incident quickly; past the
/// maximum healthy round trip it never goes up. In a window with dropped calls the gradient is 0.5, and nothing is
/// added.
public struct Gradient2Limit: LimitAlgorithm {
    private var estimate: Double
    private var bounds: LimitBounds
    private let tolerance: Double
    private var average: Double = 0
    private var windows = 0

    private static let smoothing = 0.2
    private static let headroom: Double = 4
    private static let warmUpWindows = 10
    private static let averagedWindows: Double = 600

    /// - Parameter tolerance: The factor by which a window may be slower than the average without being held against
    ///   the callee, 1 … 10.
    public init(initial: Int, bounds: LimitBounds, tolerance: Double = 1.5) {
        self.bounds = bounds
        self.tolerance = tolerance
        estimate = bounds.clamp(Double(initial))
    }

    public var limit: Int {
        Int(estimate)
    }

    public var baselineNanoseconds: Int64? {
        windows == 0 ? nil : Int64(exactly: average.rounded(.down)) ?? .max
    }

    public mutating func update(_ sample: LimitSample) {
        if let roundTrip = sample.roundTripNanoseconds { learn(Double(max(1, roundTrip))) }
        if bounds.isOverload(sample) {
            move(to: estimate * 0.5)
            return
        }
        guard let roundTrip = sample.roundTripNanoseconds, !sample.isApplicationLimited(estimate) else { return }
        let gradient = min(1, max(0.5, tolerance * average / Double(max(1, roundTrip))))
        move(to: estimate * gradient + Self.headroom)
    }

    private mutating func move(to target: Double) {
        estimate = bounds.clamp(estimate * (1 - Self.smoothing) + target * Self.smoothing)
    }

    private mutating func learn(_ roundTrip: Double) {
        windows = min(windows + 1, Self.warmUpWindows + 1)
        if windows <= Self.warmUpWindows {
            average += (roundTrip - average) / Double(windows)
        } else {
            average += (roundTrip - average) * 2 / (Self.averagedWindows + 1)
        }
        if average > 2 * roundTrip { average *= 0.95 }
        average = min(average, Double(bounds.maximumHealthyNanoseconds))
    }

    public mutating func configure(_ bounds: LimitBounds) {
        self.bounds = bounds
        estimate = bounds.clamp(estimate)
        average = min(average, Double(bounds.maximumHealthyNanoseconds))
    }
}
