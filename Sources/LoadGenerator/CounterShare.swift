// SPDX-License-Identifier: Apache-2.0

/// Which numbers each session draws from the counter, so that every number comes once in a run.
///
/// All sessions have as many numbers as the hungriest journey can draw, whatever their own: with s streams (the sources, then the
/// set-up, then the tear-down, as far as there are any) and p numbers a session, session n of stream i has the p numbers
/// from (n·s + i)·p on.
struct CounterShare {
    private let perSession: UInt64
    private let streams: UInt64
    private let firstStream: UInt64

    /// The share of the load's own sessions.
    init(_ plan: Plan) { self.init(plan, firstStream: 0) }

    static func setUp(of plan: Plan) -> CounterShare { CounterShare(plan, firstStream: plan.sources.count) }

    static func tearDown(of plan: Plan) -> CounterShare {
        CounterShare(plan, firstStream: plan.sources.count + (plan.setUp == nil ? 0 : 1))
    }

    private init(_ plan: Plan, firstStream: Int) {
        let sides = [plan.setUp, plan.tearDown].compactMap(\.self)
        perSession = max(1, (plan.journeys + sides).map(\.counters).max() ?? 1)
        streams = UInt64(plan.sources.count + sides.count)
        self.firstStream = UInt64(firstStream)
    }

    func first(ofSession number: UInt64, source: Int) -> UInt64 {
        (number &* streams &+ firstStream &+ UInt64(source)) &* perSession
    }
}

extension Plan.Journey {
    /// Numbers that one play may draw from the counter.
    fileprivate var counters: UInt64 { steps.reduce(0) { capped($0 + $1.counters) } }
}

extension Plan.Step {
    /// Numbers that this step and the steps in it may draw.
    fileprivate var counters: UInt64 {
        switch self {
        case .request, .think, .set: templates.reduce(0) { $0 + $1.counters }
        case .group(let condition, let steps):
            steps.reduce(condition.templates.reduce(0) { $0 + $1.counters }) { capped($0 + $1.counters) }
        case .loop(let loop):
            capped(UInt64(max(1, loop.rounds)) * loop.steps.reduce(loop.ownCounters) { capped($0 + $1.counters) })
        }
    }
}

extension Plan.Loop {
    /// Numbers that its conditions draw in one round.
    fileprivate var ownCounters: UInt64 {
        [whileCondition, untilCondition].compactMap(\.self).flatMap(\.templates).reduce(0) { $0 + $1.counters }
    }
}

extension Plan.Template {
    fileprivate var counters: UInt64 { segments.reduce(0) { $0 + Self.counters(in: $1) } }

    private static func counters(in segment: Segment) -> UInt64 {
        switch segment {
        case .counter: 1
        case .base64(let inner): inner.reduce(0) { $0 + counters(in: $1) }
        default: 0
        }
    }
}

/// More than 2^32 numbers a session would leave too few sessions; beyond it numbers come again.
private func capped(_ count: UInt64) -> UInt64 { min(count, 1 << 32) }
