// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private let millisecond: Int64 = 1_000_000

@Suite("An admission queue")
struct AdmissionQueueTests {
    /// 5 ms while congested, 100 ms otherwise.
    private func queue(capacity: Int = 10) -> AdmissionQueue {
        AdmissionQueue(AdmissionQueueOptions(capacity: capacity))
    }

    @Test("is first in, first out while it is now and then empty")
    func fifo() {
        var queue = queue()
        for id in 1...3 { #expect(queue.enter(UInt64(id), .critical, deadline: .max, at: 0) == .queued) }
        #expect((1...3).map { _ in queue.next(at: 50 * millisecond)?.id } == [1, 2, 3])
        #expect(queue.next(at: 50 * millisecond) == nil)
    }

    @Test("is last in, first out when it has not been empty for an interval, and gives newcomers little time")
    func lifoUnderOverload() {
        var queue = queue()
        _ = queue.enter(1, .critical, deadline: .max, at: 0)
        _ = queue.enter(2, .critical, deadline: .max, at: 90 * millisecond)
        #expect(!queue.isCongested(at: 100 * millisecond))
        #expect(queue.removeExpired(at: 101 * millisecond) == [.init(id: 1, reason: .queueTimeout)])
        #expect(queue.isCongested(at: 101 * millisecond))
        _ = queue.enter(3, .critical, deadline: .max, at: 101 * millisecond)
        #expect(queue.next(at: 102 * millisecond)?.id == 3)
        _ = queue.enter(4, .critical, deadline: .max, at: 103 * millisecond)
        #expect(queue.removeExpired(at: 108 * millisecond) == [.init(id: 4, reason: .queueTimeout)])
        // Who came before the congestion keeps the wait it was given.
        #expect(queue.next(at: 109 * millisecond)?.id == 2)
    }

    @Test("never hands out what has expired, and says whether the deadline or the wait was over")
    func expired() {
        var queue = queue()
        _ = queue.enter(1, .critical, deadline: 10 * millisecond, at: 0)
        _ = queue.enter(2, .critical, deadline: .max, at: 0)
        #expect(queue.nextExpiry(at: 0) == 10 * millisecond)
        #expect(queue.removeExpired(at: 10 * millisecond - 1) == [])
        #expect(queue.removeExpired(at: 10 * millisecond) == [.init(id: 1, reason: .deadlineTooShort)])
        #expect(queue.removeExpired(at: 100 * millisecond) == [.init(id: 2, reason: .queueTimeout)])
        #expect(queue.nextExpiry(at: 100 * millisecond) == nil)
    }

    @Test("of one place that is never free is congested, though its calls push each other out")
    func oneStandingPlace() {
        var queue = queue(capacity: 1)
        _ = queue.enter(1, .sheddable, deadline: .max, at: 0)
        #expect(queue.enter(2, .sheddablePlus, deadline: .max, at: 60 * millisecond) == .replaced(1))
        #expect(queue.enter(3, .critical, deadline: .max, at: 120 * millisecond) == .replaced(2))
        #expect(queue.isCongested(at: 120 * millisecond))
        #expect(queue.removeExpired(at: 125 * millisecond) == [.init(id: 3, reason: .queueTimeout)])
    }

    @Test("lets the more critical go first, and puts them in the place of the less critical when it is full")
    func criticality() {
        var queue = queue(capacity: 2)
        _ = queue.enter(1, .sheddable, deadline: .max, at: 0)
        _ = queue.enter(2, .critical, deadline: .max, at: 0)
        #expect(queue.enter(3, .sheddable, deadline: .max, at: 0) == .full)
        #expect(queue.enter(4, .criticalPlus, deadline: .max, at: 0) == .replaced(1))
        #expect(queue.enter(5, .critical, deadline: .max, at: 0) == .full)
        #expect(queue.next(at: 0)?.id == 4)
        #expect(queue.next(at: 0)?.id == 2)
    }

    @Test("without capacity nobody waits")
    func noCapacity() {
        var queue = queue(capacity: 0)
        #expect(queue.enter(1, .criticalPlus, deadline: .max, at: 0) == .full)
    }

    @Test("each call leaves exactly once, whatever happens", arguments: [UInt64(41), 42, 43])
    func accounting(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = queue(capacity: 20)
        var inside: Set<UInt64> = []
        var now: Int64 = 0
        for id in UInt64(1)...8000 {
            let place = Comment(rawValue: "seed \(seed), call \(id)")
            let criticality = Criticality.allCases[Int(random.next() % 4)]
            switch queue.enter(id, criticality, deadline: now + Int64(random.next() % 200_000_000), at: now) {
            case .queued: inside.insert(id)
            case .replaced(let victim):
                #expect(inside.remove(victim) != nil, place)
                inside.insert(id)
            case .full: #expect(inside.count == 20, place)
            }
            now += Int64(random.next() % UInt64(8 * millisecond))
            for dropped in queue.removeExpired(at: now) { #expect(inside.remove(dropped.id) != nil, place) }
            if random.next() % 3 == 0, let (next, waited) = queue.next(at: now) {
                #expect(inside.remove(next) != nil && waited < 100 * millisecond, place)
            }
            if random.next() % 10 == 0, let some = inside.first {
                let left = queue.leave(some)
                #expect(left, place)
                inside.remove(some)
            }
            #expect(queue.count == inside.count && queue.count <= 20, place)
        }
        #expect(Set(queue.removeAll()) == inside)
    }
}
