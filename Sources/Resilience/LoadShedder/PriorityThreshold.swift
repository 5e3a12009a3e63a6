// SPDX-License-Identifier: Apache-2.0

/// The level below which calls are refused: a value that is told the time, in nanoseconds.
///
/// A level is the class of criticality times 128 plus the cohort. Once an interval the level moves, after "Overload
/// Control for Scaling WeChat Microservices" (Zhou et al., 2018, DAGOR): in an overload so far up that 5 % fewer of
/// the last interval's calls would have been admitted, otherwise so far down that 1 % more would have been. The way
/// down doubles with each further calm interval, so that seconds after an overload nothing is refused any more; the
/// way up always leaves the highest level that calls came at.
struct PriorityThreshold: Sendable {
    static let levelCount = 512
    private static let stepUp = 0.05
    private static let stepDown = 0.01
    private static let largestStepDown = 0.5

    /// Calls of this interval by level, refused ones included.
    private var arrivals = [UInt32](repeating: 0, count: levelCount)
    private var intervalEnd: Int64 = .min
    private var calmIntervals = 0
    /// Calls below are refused.
    private(set) var level = 0

    static func level(_ criticality: Criticality, _ cohort: Cohort) -> Int {
        Int(criticality.rawValue) * 128 + Int(cohort.number)
    }

    /// Counts a call and says whether it may go on.
    mutating func admits(_ level: Int) -> Bool {
        arrivals[level] &+= 1
        return level >= self.level
    }

    /// Ends the interval when its time is over.
    ///
    /// - Parameter isOverloaded: Whether there is more to do than can be done.
    /// - Returns: Whether the level has moved; nil while the interval goes on.
    mutating func advance(to now: Int64, interval: Int64, isOverloaded: Bool) -> Bool? {
        if now < intervalEnd { return nil }
        let isFirst = intervalEnd == .min
        let missed = isFirst ? 0 : now.subtractingSaturated(intervalEnd) / interval
        intervalEnd = now.addingSaturated(interval)
        if isFirst { return false }
        let before = level
        if isOverloaded {
            calmIntervals = 0
            raise()
        } else if level > 0 {
            // Nothing came for many intervals: what was learnt is of no use any more.
            if missed >= 10 { level = 0 } else { lower() }
        }
        for index in arrivals.indices { arrivals[index] = 0 }
        return level != before
    }

    private mutating func raise() {
        var admitted = arrivals[level...].reduce(0) { $0 + Int($1) }
        let target = Int(Double(admitted) * (1 - Self.stepUp))
        while level < Self.levelCount - 1, admitted > target, admitted > Int(arrivals[level]) {
            admitted -= Int(arrivals[level])
            level += 1
        }
    }

    private mutating func lower() {
        let step = min(Self.largestStepDown, Self.stepDown * Double(1 << min(calmIntervals, 10)))
        calmIntervals += 1
        var admitted = arrivals[level...].reduce(0) { $0 + Int($1) }
        let target = admitted + max(1, Int(Double(admitted) * step))
        while level > 0, admitted < target {
            level -= 1
            admitted += Int(arrivals[level])
        }
    }
}
