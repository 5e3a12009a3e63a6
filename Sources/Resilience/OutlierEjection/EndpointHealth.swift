// SPDX-License-Identifier: Apache-2.0

/// What is known about one endpoint.
///
/// Its counts are stored in place, so that a call's result is added without a copy of them.
struct EndpointHealth: Sendable {
    private struct Bucket: Sendable {
        var number: Int64 = .min
        var calls: Int32 = 0
        var failed: Int32 = 0
    }

    static let bucketCount: Int64 = 10

    private var buckets = InlineArray<10, Bucket>(repeating: Bucket())
    private var consecutiveFailures = 0
    /// Ejections that are not forgiven yet; each doubles the time of the next.
    private var ejections = 0
    /// The end of the ejection; nil while the endpoint is called.
    private(set) var ejectedUntil: Int64?
    /// The end of the ejection that shadow mode would have made. Nobody is left out for it.
    private(set) var shadowUntil: Int64?
    /// Since when the endpoint has been called without an ejection.
    private var healthySince: Int64
    /// Which of its times in the list and between its ejections this is: no other one of the same ejection, of
    /// whatever endpoint, has the same number, so that results from before it are told apart.
    private(set) var generation: UInt64

    init(generation: UInt64, at now: Int64) {
        self.generation = generation
        healthySince = now
    }

    /// Takes a result into account. A refusal for overload counts into the rate, not as a failure in a row.
    mutating func add(_ verdict: Verdict, at now: Int64, width: Int64) {
        let number = now / width
        let slot = Int((number % Self.bucketCount + Self.bucketCount) % Self.bucketCount)
        if buckets[slot].number != number { buckets[slot] = Bucket(number: number) }
        buckets[slot].calls += 1
        if verdict.isFailure { buckets[slot].failed += 1 }
        switch verdict {
        case .success: consecutiveFailures = 0
        case .failure: consecutiveFailures += 1
        case .throttled, .ignore: break
        }
    }

    /// The rule that the endpoint breaks.
    func cause(_ options: OutlierEjectionOptions, at now: Int64, width: Int64) -> OutlierEjectionCause? {
        if let limit = options.consecutiveFailures, consecutiveFailures >= limit { return .consecutiveFailures }
        guard let limit = options.failureRate, let rate = rate(at: now, width: width, minimum: options.minimumCalls)
        else {
            return nil
        }
        return rate >= limit ? .failureRate : nil
    }

    private func rate(at now: Int64, width: Int64, minimum: Int) -> Double? {
        let oldest = now / width - Self.bucketCount + 1
        var (calls, failed) = (0, 0)
        for index in buckets.indices where buckets[index].number >= oldest {
            calls += Int(buckets[index].calls)
            failed += Int(buckets[index].failed)
        }
        return calls == 0 || calls < minimum ? nil : Double(failed) / Double(calls)
    }

    /// Leaves the endpoint out, or notes that it would be.
    ///
    /// - Returns: For how long, in nanoseconds.
    mutating func eject(
        _ options: OutlierEjectionOptions, generation: UInt64, at now: Int64, shadow: Bool
    ) -> Int64 {
        // One ejection is forgiven for each window that the endpoint has been called since the last.
        let windows = now.subtractingSaturated(healthySince) / max(1, options.window.nanosecondsSaturated)
        ejections = max(0, ejections - Int(clamping: windows)) + 1
        let time = Self.duration(options, ejections: ejections)
        let until = now.addingSaturated(time)
        if shadow { shadowUntil = until } else { ejectedUntil = until }
        start(generation, at: now)
        return time
    }

    /// base · 2^(ejections − 1), at most the cap.
    private static func duration(_ options: OutlierEjectionOptions, ejections: Int) -> Int64 {
        let cap = options.cap.nanosecondsSaturated
        var time = options.base.nanosecondsSaturated
        // Ends at the cap, long before the time could overflow: both bounds are days.
        for _ in 1..<max(1, min(ejections, 64)) where time < cap { time = min(cap, time * 2) }
        return time
    }

    /// Calls the endpoint again, in truth and in shadow.
    mutating func restore(generation: UInt64, at now: Int64) {
        ejectedUntil = nil
        shadowUntil = nil
        start(generation, at: now)
    }

    private mutating func start(_ generation: UInt64, at now: Int64) {
        self.generation = generation
        healthySince = now
        forget()
    }

    /// Its record starts anew.
    mutating func forget() {
        buckets = InlineArray(repeating: Bucket())
        consecutiveFailures = 0
    }
}
