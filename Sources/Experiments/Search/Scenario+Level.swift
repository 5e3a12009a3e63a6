// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Scenarios

extension Scenario {
    /// Arrivals a second over all loads, a ramp counted by its highest rate.
    ///
    /// - Throws: `ExperimentError` when a load is closed: its users wait for answers, so that it has no rate of its own.
    func totalRate() throws(ExperimentError) -> Double {
        var sum = 0.0
        for load in load { sum += try load.peakRate() }
        return sum
    }

    /// One level of a search: the loads of the script in their proportions, at `rate` arrivals a second in all, from the start
    /// and for the same time, held against the goals. The script's faults are left out, or all active from the middle of the
    /// warm-up until the last requests have ended.
    func level(
        rate: Double, length: Duration, warmup: Duration, grace: Duration, seed: UInt64, goals: [Threshold],
        withFaults: Bool = false
    ) throws(ExperimentError) -> Scenario {
        let total = try totalRate()
        var level = self
        // What the system does about a fault, a breaker that opens for instance, has begun when measuring begins.
        level.faults =
            !withFaults
            ? []
            : faults.map { fault in
                var fault = fault
                fault.start = warmup / 2
                // Past the last arrival: what is under way then is measured too. Each play has a system of its own.
                fault.duration = warmup - fault.start + length + grace
                return fault
            }
        level.thresholds = goals
        level.seed = seed
        level.load = []
        for var load in load {
            load.executor = .constantArrivalRate(perSecond: try load.peakRate() / total * rate)
            load.start = .zero
            load.warmup = warmup
            load.duration = length
            load.gracefulStop = min(load.gracefulStop, grace)
            level.load.append(load)
        }
        return level
    }
}

extension Scenario.Load {
    fileprivate func peakRate() throws(ExperimentError) -> Double {
        switch executor {
        case .constantArrivalRate(let rate): return rate
        case .rampingArrivalRate(let start, let stages):
            return stages.reduce(start) { max($0, $1.targetPerSecond) }
        case .constantUsers, .rampingUsers, .sharedIterations:
            throw ExperimentError(
                .script, "the load '\(name)' is closed: its users wait for answers, so it has no rate to search for",
                advice: "search with a load that has an arrival rate (constant-arrival-rate)")
        }
    }
}
