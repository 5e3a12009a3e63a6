// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension Scenario.Load {
    /// When the last arrival comes at the latest, after the start of the whole load.
    package var end: Duration { start + warmup + duration }

    /// Expected number of journeys that start, the warm-up included; nil for a closed loop, where the answers decide, unless its
    /// iterations are counted.
    package var expectedArrivals: Double? {
        switch executor {
        case .constantArrivalRate(let rate):
            return rate * Self.seconds(warmup + duration)
        case .rampingArrivalRate(let start, let stages):
            var total = start * Self.seconds(warmup)
            var rate = start
            for stage in stages {
                // The area under a straight line.
                total += (rate + stage.targetPerSecond) / 2 * Self.seconds(stage.duration)
                rate = stage.targetPerSecond
            }
            return total
        case .constantUsers, .rampingUsers:
            return nil
        case .sharedIterations(_, let iterations):
            return Double(iterations)
        }
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}

extension Scenario {
    /// From the start of the load to the last arrival.
    package var duration: Duration { load.map(\.end).max() ?? .zero }

    /// What nothing is measured before: the instant from which every load with a warm-up has ended it. Loads without one don't
    /// delay it; without any warm-up it is when the first load starts.
    package var measuredFrom: Duration { Self.measuredFrom(load) }

    static func measuredFrom(_ load: [Load]) -> Duration {
        load.filter { $0.warmup > .zero }.map { $0.start + $0.warmup }.max() ?? load.map(\.start).min() ?? .zero
    }

    /// Expected requests of one journey that runs to its end, with all that its conditions let in; nil when that depends on answers.
    package func requests(inJourney name: String) -> Int? {
        journeys.first { $0.name == name }.flatMap { Self.requests(in: $0.steps) }
    }

    static func requests(in steps: [Step]) -> Int? {
        var total = 0
        for step in steps {
            switch step {
            case .request: total += 1
            case .think, .set: break
            case .group(_, let inner):
                guard let count = requests(in: inner) else { return nil }
                total += count
            case .loop(let loop):
                guard loop.whileCondition == nil, loop.untilCondition == nil, let count = requests(in: loop.steps)
                else {
                    return nil
                }
                total += count * loop.rounds
            }
        }
        return total
    }

    /// Expected number of requests when every journey runs to its end; nil with a closed loop, and where answers decide.
    package var expectedRequests: Double? {
        var total = 0.0
        for load in load {
            guard let arrivals = load.expectedArrivals else { return nil }
            let weights = load.journeys.reduce(0) { $0 + $1.weight }
            guard weights > 0 else { continue }
            for journey in load.journeys {
                guard let requests = requests(inJourney: journey.name) else { return nil }
                total += arrivals * journey.weight / weights * Double(requests)
            }
        }
        return total
    }
}

extension Scenario {
    /// A part of a run, cut where the first fault begins and the last one ends.
    package struct PlannedPhase: Sendable, Equatable {
        /// `baseline`, `fault` or `recovery`; `whole` without faults.
        package var name: String
        /// After the start of the load.
        package var start: Duration
        package var end: Duration

        package init(name: String, start: Duration, end: Duration) {
            self.name = name
            self.start = start
            self.end = end
        }
    }

    /// The measured phases as they are planned; a run has those of the times at which its faults really began and ended.
    package var plannedPhases: [PlannedPhase] {
        Self.plannedPhases(faults: faults, measured: measuredFrom, end: duration)
    }

    static func plannedPhases(faults: [Fault], measured: Duration, end: Duration) -> [PlannedPhase] {
        guard let first = faults.map(\.start).min(), let last = faults.map({ $0.start + $0.duration }).max() else {
            return [PlannedPhase(name: "whole", start: measured, end: end)]
        }
        return [
            PlannedPhase(name: "baseline", start: measured, end: first),
            PlannedPhase(name: "fault", start: first, end: last),
            PlannedPhase(name: "recovery", start: last, end: end),
        ].filter { $0.start < $0.end }
    }
}
