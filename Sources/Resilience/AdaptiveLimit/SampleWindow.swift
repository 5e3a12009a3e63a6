// SPDX-License-Identifier: Apache-2.0

/// Gathers calls until there are enough of them to move the limit by.
///
/// A window lasts at least the configured time and holds at least the configured number of calls: a limit that moves
/// with every single call follows noise.
struct SampleWindow: Sendable {
    private var start: Int64?
    private var sum: Int64 = 0
    private var completed = 0
    private var dropped = 0
    private var maximumInFlight = 0

    /// Adds a call that ended at `now`.
    ///
    /// - Returns: What the window held, when this call completes it; the next one is empty.
    mutating func add(
        _ roundTrip: Int64?, inFlight: Int, at now: Int64, duration: Int64, minimum: Int
    ) -> LimitSample? {
        if let roundTrip {
            sum = sum.addingSaturated(max(1, roundTrip))
            completed += 1
        } else {
            dropped += 1
        }
        maximumInFlight = max(maximumInFlight, inFlight)
        guard let start else {
            start = now
            return nil
        }
        guard now.subtractingSaturated(start) >= duration, completed + dropped >= minimum else { return nil }
        let sample = LimitSample(
            roundTripNanoseconds: completed == 0 ? nil : sum / Int64(completed), maximumInFlight: maximumInFlight,
            completed: completed, dropped: dropped)
        self = SampleWindow()
        return sample
    }
}
