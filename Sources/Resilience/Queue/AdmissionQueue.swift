// SPDX-License-Identifier: Apache-2.0

/// How a queue in front of something scarce treats those who wait.
public struct AdmissionQueueOptions: Sendable, Equatable {
    /// The calls that may wait. 0 … 100,000.
    public var capacity: Int
    /// The longest wait while the queue is congested. 1 ms … 10 s.
    public var target: Duration
    /// The queue is congested when it has not been empty for this long; also the longest wait while it is not. At
    /// least `target`, 1 ms … 1 m.
    public var interval: Duration

    /// The defaults are those of Facebook's "Fail at Scale" (Maurer, 2015): 5 ms and 100 ms.
    public init(capacity: Int, target: Duration = .milliseconds(5), interval: Duration = .milliseconds(100)) {
        self.capacity = capacity
        self.target = target
        self.interval = interval
    }

    static var fields: [ConfigurationField<AdmissionQueueOptions>] {
        [
            .integer("capacity", \.capacity, in: 0...100_000),
            .duration("target", \.target, in: .milliseconds(1) ... .seconds(10)),
            .duration("interval", \.interval, in: .milliseconds(1) ... .seconds(60)),
        ]
    }

    var contradiction: String? {
        if target <= interval { return nil }
        return "target \(ConfigurationText.format(target)) is above interval \(ConfigurationText.format(interval))"
    }
}

/// Waiting calls under controlled delay (CoDel) and adaptive LIFO, by criticality: a value that is told the time, in
/// nanoseconds.
///
/// While the queue is now and then empty it is first in, first out and calls may wait for `interval`: it absorbs
/// bursts. When it has not been empty for an interval it would only make every call late; then newcomers may wait for
/// `target` only, and who came last goes first, because the callers of the oldest have probably gone. More critical
/// calls always go first, and push less critical ones out of a full queue. What has expired leaves the queue without
/// being admitted.
struct AdmissionQueue: Sendable {
    struct Waiter: Sendable {
        var since: Int64
        var expires: Int64
        var reason: Rejection.Reason
    }

    /// A call that leaves without having been admitted.
    struct Dropped: Sendable, Equatable {
        var id: UInt64
        var reason: Rejection.Reason
    }

    /// What became of a call that asked to wait.
    enum Entry: Equatable {
        case queued
        /// Queued in the place of a less critical call.
        case replaced(UInt64)
        case full
    }

    private var lanes = [WaitingLine<Waiter>](repeating: WaitingLine(), count: Criticality.allCases.count)
    private var capacity = 0
    private var target: Int64 = 0
    private var interval: Int64 = 0
    private(set) var count = 0
    /// Since when the queue has not been empty.
    private var busySince: Int64 = 0
    /// Not later than the expiry of any waiter.
    private var earliestExpiry = Int64.max

    init(_ options: AdmissionQueueOptions) {
        configure(options)
    }

    /// Takes new options. Who waits already keeps the wait it was given; nobody is thrown out.
    mutating func configure(_ options: AdmissionQueueOptions) {
        capacity = options.capacity
        target = options.target.nanosecondsSaturated
        interval = options.interval.nanosecondsSaturated
    }

    /// Whether there is a standing queue, one that no pause has emptied.
    func isCongested(at now: Int64) -> Bool {
        count > 0 && now.subtractingSaturated(busySince) > interval
    }

    /// Adds a call.
    ///
    /// - Parameter id: Greater than every identifier before it.
    mutating func enter(_ id: UInt64, _ criticality: Criticality, deadline: Int64, at now: Int64) -> Entry {
        var entry = Entry.queued
        let patience = now.addingSaturated(isCongested(at: now) ? target : interval)
        // Whoever takes the place of another does not find the queue empty.
        let wasEmpty = count == 0
        if count >= capacity {
            guard let victim = leastCritical(below: criticality) else { return .full }
            entry = .replaced(victim)
        }
        if wasEmpty { busySince = now }
        let expires = min(patience, deadline)
        lanes[Int(criticality.rawValue)].append(
            id, Waiter(since: now, expires: expires, reason: deadline < patience ? .deadlineTooShort : .queueTimeout))
        count += 1
        earliestExpiry = min(earliestExpiry, expires)
        return entry
    }

    /// The next call to be admitted. Take out what has expired first.
    mutating func next(at now: Int64) -> (id: UInt64, waited: Int64)? {
        let isCongested = isCongested(at: now)
        for lane in lanes.indices.reversed() {
            guard let (id, waiter) = isCongested ? lanes[lane].popLast() : lanes[lane].popFirst() else { continue }
            count -= 1
            return (id, max(0, now.subtractingSaturated(waiter.since)))
        }
        return nil
    }

    /// Takes out the calls that have waited as long as they may, or nobody waits for any more.
    mutating func removeExpired(at now: Int64) -> [Dropped] {
        if now < earliestExpiry { return [] }
        var dropped: [Dropped] = []
        earliestExpiry = .max
        for lane in lanes.indices {
            let ids = lanes[lane].removeAll { waiter in
                if waiter.expires <= now { return true }
                earliestExpiry = min(earliestExpiry, waiter.expires)
                return false
            }
            for (id, waiter) in ids { dropped.append(Dropped(id: id, reason: waiter.reason)) }
        }
        count -= dropped.count
        return dropped
    }

    /// When to look for expired calls again; nil while nobody waits. Not sooner than a millisecond from now, so that
    /// a long queue is not gone through for each of its calls.
    func nextExpiry(at now: Int64) -> Int64? {
        count == 0 ? nil : max(earliestExpiry, now.addingSaturated(1_000_000))
    }

    /// Takes out a call that gave up.
    ///
    /// - Returns: False when it had left the queue before.
    mutating func leave(_ id: UInt64) -> Bool {
        for lane in lanes.indices where lanes[lane].remove(id) != nil {
            count -= 1
            return true
        }
        return false
    }

    /// Empties the queue.
    mutating func removeAll() -> [UInt64] {
        var all: [UInt64] = []
        for lane in lanes.indices.reversed() { all += lanes[lane].removeAll { _ in true }.map(\.id) }
        count = 0
        earliestExpiry = .max
        return all
    }

    /// Takes out the oldest of the least critical calls, if it is less critical than the newcomer.
    private mutating func leastCritical(below criticality: Criticality) -> UInt64? {
        for lane in 0..<Int(criticality.rawValue) {
            guard let (id, _) = lanes[lane].popFirst() else { continue }
            count -= 1
            return id
        }
        return nil
    }
}
