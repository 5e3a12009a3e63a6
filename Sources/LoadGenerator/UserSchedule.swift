// SPDX-License-Identifier: Apache-2.0

/// When the users of a closed source come and go: a pure function of the plan.
///
/// With n(t) users asked for at time t, a straight line between the stages, user u (counted from 0) is active while n(t) > u: the number
/// of active users is n(t) rounded up. Users are dealt to the workers in turn, so that every worker follows the same ramp. A user who is to go
/// finishes the journey under way.
struct UserSchedule: Sendable {
    struct Start: Equatable {
        var user: UInt64
        /// After the start of the load.
        var nanoseconds: UInt64
    }

    private struct Point {
        var time: Double
        var users: Double
    }

    private let points: [Point]
    private let offset: UInt64
    /// After the start of the load.
    let end: UInt64
    /// Users are numbered below this over all workers.
    let userCount: UInt64
    /// Starts of this worker's users, the last one first.
    private var starts: [Start] = []

    /// An empty schedule for an open source.
    init(source: Plan.Source, worker: Int, of workers: Int) {
        offset = source.startOffset.nanoseconds
        let length = Double(source.duration.nanoseconds) / 1e9
        end = offset + source.duration.nanoseconds
        points = Self.points(source.rate, length: length)
        userCount = UInt64(points.map(\.users).max() ?? 0)
        var user = UInt64(worker)
        while user < userCount {
            starts += activity(of: user).map { Start(user: user, nanoseconds: offset + UInt64($0.lowerBound * 1e9)) }
            user += UInt64(workers)
        }
        starts.sort { ($0.nanoseconds, $0.user) > ($1.nanoseconds, $1.user) }
    }

    private static func points(_ rate: Plan.Source.Rate, length: Double) -> [Point] {
        switch rate {
        case .constant, .ramping: return []
        case .closed(let users):
            return [Point(time: 0, users: Double(users)), Point(time: length, users: Double(users))]
        case .rampingUsers(let start, let stages):
            var points = [Point(time: 0, users: Double(start))]
            for stage in stages {
                let time = points[points.count - 1].time + Double(stage.duration.nanoseconds) / 1e9
                points.append(Point(time: time, users: Double(stage.target)))
            }
            // A duration beyond the last stage keeps its users.
            if let last = points.last, last.time < length { points.append(Point(time: length, users: last.users)) }
            return points
        }
    }

    /// The stretches, in seconds after the source's start, in which a user is active.
    private func activity(of user: UInt64) -> [Range<Double>] {
        let level = Double(user)
        var stretches: [Range<Double>] = []
        var since: Double?
        if let first = points.first, first.users > level { since = first.time }
        for (from, to) in zip(points, points.dropFirst()) {
            let crossing = from.time + (to.time - from.time) * (level - from.users) / (to.users - from.users)
            if from.users <= level, to.users > level {
                since = since ?? crossing
            } else if from.users > level, to.users <= level, let begun = since {
                stretches.append(begun..<max(begun, crossing))
                since = nil
            }
        }
        if let begun = since { stretches.append(begun..<Swift.max(begun, Double(end - offset) / 1e9)) }
        return stretches.filter { !$0.isEmpty && $0.lowerBound < Double(end - offset) / 1e9 }
    }

    /// When the next user starts, after the start of the load; nil when none does.
    var nextStart: UInt64? { starts.last?.nanoseconds }

    mutating func takeStart() -> Start? { starts.popLast() }

    /// Whether a user may begin another journey at a time after the start of the load.
    func isActive(_ user: UInt64, at nanoseconds: UInt64) -> Bool {
        guard nanoseconds < end, nanoseconds >= offset else { return false }
        let time = Double(nanoseconds - offset) / 1e9
        guard let next = points.firstIndex(where: { $0.time > time }), next > 0 else {
            return (points.last?.users ?? 0) > Double(user)
        }
        let (from, to) = (points[next - 1], points[next])
        return from.users + (to.users - from.users) * (time - from.time) / (to.time - from.time) > Double(user)
    }
}
