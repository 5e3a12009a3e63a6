// SPDX-License-Identifier: Apache-2.0

extension Scenario.Load {
    /// Arrivals a second at an instant after the start of the whole load; 0 outside this load, nil for a closed loop.
    package func ratePerSecond(at time: Duration) -> Double? {
        let inside = start <= time && time < end
        switch executor {
        case .constantUsers, .rampingUsers, .sharedIterations: return nil
        case .constantArrivalRate(let rate): return inside ? rate : 0
        case .rampingArrivalRate(let first, let stages):
            guard inside else { return 0 }
            var (begin, from) = (start + warmup, first)
            for stage in stages {
                if time < begin { return from }
                if time < begin + stage.duration {
                    return from + (stage.targetPerSecond - from) * ((time - begin) / stage.duration)
                }
                (begin, from) = (begin + stage.duration, stage.targetPerSecond)
            }
            return from
        }
    }

    /// Instants between which the rate is a straight line.
    fileprivate var corners: [Duration] {
        guard case .rampingArrivalRate(_, let stages) = executor else { return [start, end] }
        return stages.reduce(into: [start, start + warmup]) { $0.append(($0.last ?? .zero) + $1.duration) }
    }

    /// The most users of a closed loop at once; nil for an open load.
    package var mostUsers: Int? {
        switch executor {
        case .constantArrivalRate, .rampingArrivalRate: nil
        case .constantUsers(let users), .sharedIterations(let users, _): users
        case .rampingUsers(let start, let stages): stages.reduce(start) { max($0, $1.target) }
        }
    }
}

extension Scenario {
    /// The mean time that one journey of this load spends thinking when it runs to its end, with all that its conditions let in
    /// and with all the rounds of its loops.
    package func meanThinkTime(of load: Load) -> Duration {
        mean(of: load) { Self.thinkTime(in: $0) / .seconds(1) }.map { .seconds($0) } ?? .zero
    }

    /// The mean number of requests of one journey of this load, likewise; nil where answers decide.
    package func meanRequests(of load: Load) -> Double? {
        var isKnown = true
        let mean = mean(of: load) { steps in
            guard let count = Self.requests(in: steps) else {
                isKnown = false
                return 0
            }
            return Double(count)
        }
        return isKnown ? mean : nil
    }

    /// The highest sum, over all instants and all open loads, of a number for each arrival; nil without an open load.
    package func peak(_ perArrival: (Load) -> Double) -> Double? {
        let open = load.filter { $0.mostUsers == nil }
        guard !open.isEmpty else { return nil }
        // A sum of straight lines is highest at one of their corners, from one of its two sides.
        let instants = open.flatMap(\.corners).flatMap { [$0, $0 - .nanoseconds(1)] }
        return instants.map { time in
            open.reduce(0) { $0 + ($1.ratePerSecond(at: time) ?? 0) * perArrival($1) }
        }.max()
    }

    private func mean(of load: Load, _ value: ([Step]) -> Double) -> Double? {
        let weights = load.journeys.reduce(0) { $0 + $1.weight }
        guard weights > 0 else { return nil }
        return load.journeys.reduce(0) { sum, entry in
            let steps = journeys.first { $0.name == entry.name }?.steps ?? []
            return sum + entry.weight / weights * value(steps)
        }
    }

    private static func thinkTime(in steps: [Step]) -> Duration {
        steps.reduce(.zero) { sum, step in
            switch step {
            case .request, .set: sum
            case .think(.fixed(let time)), .think(.exponential(let time)): sum + time
            case .think(.uniform(let low, let high)): sum + (low + high) / 2
            case .group(_, let inner): sum + thinkTime(in: inner)
            case .loop(let loop): sum + thinkTime(in: loop.steps) * loop.rounds
            }
        }
    }
}
