// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("Timers that share one sleeper", .timeLimit(.minutes(1)))
struct TimerQueueTests {
    /// Remembers when it fired.
    final class Probe: QueuedTimer, @unchecked Sendable {
        let fired = Atomic<Int64>(0)
        let times = Atomic<Int>(0)

        override func fire() {
            times.wrappingAdd(1, ordering: .relaxed)
            fired.store(TimeSource.system.now().nanoseconds, ordering: .relaxed)
        }
    }

    @Test("a heap gives timers back in their order, whichever are taken out before", arguments: Seeds.some(40))
    func heap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var heap = TimerHeap()
        var armed: [(timer: QueuedTimer, deadline: Int64)] = []
        for _ in 0..<600 {
            switch random.int(in: 0...9) {
            case 0..<5:
                let (timer, deadline) = (QueuedTimer(), Int64(random.int(in: 0...1_000)))
                heap.insert(timer, at: deadline)
                armed.append((timer, deadline))
            case 5..<9 where !armed.isEmpty:
                let timer = armed.remove(at: random.int(in: 0...armed.count - 1)).timer
                heap.remove(timer)
                // Once more changes nothing.
                heap.remove(timer)
            default:
                let now = Int64(random.int(in: 0...300))
                let due = heap.removeDue(at: now).map(\.deadline)
                #expect(due == armed.map(\.deadline).filter { $0 <= now }.sorted(), "seed \(seed)")
                armed.removeAll { $0.deadline <= now }
            }
            #expect(heap.count == armed.count, "seed \(seed)")
            #expect(heap.first == armed.map(\.deadline).min(), "seed \(seed)")
        }
    }

    @Test("every timer fires once and never early, whatever the order in which they were armed")
    func neverEarly() async throws {
        let queue = TimerQueue(time: .system)
        let start = TimeSource.system.now()
        let probes = (0..<40).map { _ in Probe() }
        let delays = probes.indices.map { Duration.milliseconds(5 + ($0 * 17) % 40) }
        for (probe, delay) in zip(probes, delays) { queue.arm(probe, at: start.advanced(by: delay)) }
        try await waitUntil("all have fired") { probes.allSatisfy { $0.times.load(ordering: .relaxed) > 0 } }
        for (probe, delay) in zip(probes, delays) {
            #expect(probe.times.load(ordering: .relaxed) == 1)
            #expect(probe.fired.load(ordering: .relaxed) >= start.advanced(by: delay).nanoseconds)
        }
        try await waitUntil("without timers there is no sleeper") { queue.isAwake }
    }

    @Test("a timer that is earlier than the one that is waited for is not late")
    func earlier() async throws {
        let queue = TimerQueue(time: .system)
        let (late, early) = (Probe(), Probe())
        let now = TimeSource.system.now()
        queue.arm(late, at: now.advanced(by: .seconds(3_600)))
        queue.arm(early, at: now.advanced(by: .milliseconds(5)))
        try await waitUntil("the early one fires") { early.times.load(ordering: .relaxed) == 1 }
        #expect(late.times.load(ordering: .relaxed) == 0)
        queue.cancel(late)
        #expect(queue.count == 0)
    }

    @Test("what is cancelled is not kept, and does not fire")
    func cancelled() async throws {
        let queue = TimerQueue(time: .system)
        weak var gone: Probe?
        do {
            let probe = Probe()
            gone = probe
            queue.arm(probe, at: TimeSource.system.now().advanced(by: .seconds(3_600)))
            queue.cancel(probe)
        }
        #expect(gone == nil)
        #expect(queue.count == 0)
    }

    @Test(
        "in a storm of arming and cancelling each fires at most once, and those that stay fire", arguments: [1, 4, 8])
    func storm(tasks: Int) async throws {
        let queue = TimerQueue(time: .system)
        let probes = await withTaskGroup(of: [Probe].self) { group in
            for task in 0..<tasks {
                group.addTask { Self.churn(queue, seed: UInt64(task)) }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        try await waitUntil("all that stayed have fired") { queue.count == 0 && queue.isAwake }
        try await waitUntil("and were called") { probes.allSatisfy { $0.times.load(ordering: .relaxed) > 0 } }
        #expect(probes.allSatisfy { $0.times.load(ordering: .relaxed) == 1 })
    }

    /// Arms many timers and cancels most of them.
    ///
    /// - Returns: Those that stay.
    static func churn(_ queue: TimerQueue, seed: UInt64) -> [Probe] {
        var random = SplitMix64(seed: seed)
        var kept: [Probe] = []
        for _ in 0..<500 {
            let probe = Probe()
            let delay = Duration.microseconds(random.int(in: 0...4_000))
            queue.arm(probe, at: TimeSource.system.now().advanced(by: delay))
            if random.chance(0.7) { queue.cancel(probe) } else { kept.append(probe) }
        }
        return kept
    }

    @Test("an attempt on the machine's clock is ended by the shared timers, and its caller's cancellation is not")
    func attempts() async throws {
        let pipeline = try ResiliencePipeline(name: "p") { AttemptTimeoutOptions(limit: .milliseconds(20)) }
        let result = await Result.catching { () async throws(ResilienceError<CancellationError>) in
            try await pipeline.execute { _ async throws(CancellationError) in
                try await TimeSource.system.sleep(until: .distantFuture)
            }
        }
        guard case .failure(.timedOut(let timeout, _)) = result else {
            Issue.record("no timeout: \(result)")
            return
        }
        #expect(timeout == Timeout(.attempt, limit: .milliseconds(20)))
    }
}

/// One after the other, because each of them blocks a thread of the pool, which may have only two.
@Suite("Timers that take their time", .serialized, .timeLimit(.minutes(1)))
struct SlowTimerTests {
    /// Blocks its thread until another timer has fired, as an `onCancel` handler may that waits for something.
    final class Blocker: QueuedTimer, @unchecked Sendable {
        let other: TimerQueueTests.Probe
        let sawIt = Atomic(false)
        let ended = Atomic(false)

        init(until other: TimerQueueTests.Probe) {
            self.other = other
        }

        override func fire() {
            let latest = TimeSource.system.now().advanced(by: .seconds(10))
            while other.times.load(ordering: .acquiring) == 0, TimeSource.system.now() < latest {}
            sawIt.store(other.times.load(ordering: .acquiring) > 0, ordering: .relaxed)
            ended.store(true, ordering: .releasing)
        }
    }

    @Test("a timer that takes its time does not delay others, due at once or later", arguments: [0, 20])
    func slow(milliseconds: Int) async throws {
        let queue = TimerQueue(time: .system)
        let probe = TimerQueueTests.Probe()
        let blocker = Blocker(until: probe)
        let due = TimeSource.system.now().advanced(by: .milliseconds(5))
        queue.arm(blocker, at: due)
        queue.arm(probe, at: due.advanced(by: .milliseconds(milliseconds)))
        try await waitUntil("the slow one has ended") { blocker.ended.load(ordering: .acquiring) }
        let sawIt = blocker.sawIt.load(ordering: .relaxed)
        #expect(sawIt)
    }

    @Test("one that is armed while the last one is busy does not wait for it")
    func busyAlone() async throws {
        let queue = TimerQueue(time: .system)
        let probe = TimerQueueTests.Probe()
        let blocker = Blocker(until: probe)
        queue.arm(blocker, at: TimeSource.system.now())
        try await waitUntil("the slow one is busy") { queue.count == 0 && queue.isAwake }
        queue.arm(probe, at: TimeSource.system.now().advanced(by: .milliseconds(5)))
        try await waitUntil("the slow one has ended") { blocker.ended.load(ordering: .acquiring) }
        let sawIt = blocker.sawIt.load(ordering: .relaxed)
        #expect(sawIt)
    }
}
