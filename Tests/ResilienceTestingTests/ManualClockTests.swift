// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import Testing

@Suite("A manual clock", .timeLimit(.minutes(1)))
struct ManualClockTests {
    let clock = ManualClock()

    @Test("stands still until it is moved, and does not run backwards")
    func standsStill() {
        let start = clock.now
        #expect(clock.source.now() == start)
        clock.advance(by: .milliseconds(5))
        #expect(start.duration(to: clock.now) == .milliseconds(5))
        clock.advance(by: .milliseconds(-5))
        #expect(start.duration(to: clock.now) == .milliseconds(5))
    }

    @Test("wakes those whose time has come, the earliest first, and lets the others sleep")
    func wakes() async throws {
        let order = EventRecorder<Int>()
        let start = clock.now
        let sleepers = [30, 10, 20].map { milliseconds in
            Task { [clock] in
                try await clock.source.sleep(until: start.advanced(by: .milliseconds(milliseconds)))
                order.record(milliseconds)
            }
        }
        await clock.sleepers(3)
        clock.advance(by: .milliseconds(9))
        #expect(clock.sleeperCount == 3)
        for count in 1...3 {
            #expect(clock.advanceToNextSleeper())
            await order.wait { $0.count == count }
        }
        #expect(order.all == [10, 20, 30])
        #expect(start.duration(to: clock.now) == .milliseconds(30))
        #expect(!clock.advanceToNextSleeper(), "nobody sleeps")
        for sleeper in sleepers { try await sleeper.value }
    }

    @Test("a sleep until now or before does not sleep, one that is cancelled ends at once, before or while it sleeps")
    func cancelled() async throws {
        try await clock.source.sleep(until: clock.now)
        let sleeper = Task { [clock] in try await clock.source.sleep(until: .distantFuture) }
        await clock.sleepers(1)
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(clock.sleeperCount == 0)
        let early = Task { [clock] in
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.source.sleep(until: .distantFuture)
        }
        await #expect(throws: CancellationError.self) { try await early.value }
    }

    @Test("moves by itself while it runs an operation: a minute of waiting takes no time, in the right order")
    func runs() async throws {
        let order = EventRecorder<String>()
        let (clock, start) = (clock, clock.now)
        await clock.run {
            await withDiscardingTaskGroup { group in
                for seconds in [3, 1, 2] {
                    group.addTask {
                        for round in 1...3 {
                            try? await clock.source.sleep(until: clock.now.advanced(by: .seconds(seconds * 7)))
                            order.record("\(seconds * 7 * round)s")
                        }
                    }
                }
            }
        }
        #expect(start.duration(to: clock.now) == .seconds(63))
        #expect(order.all.count == 9)
        #expect(order.all.last == "63s")
        #expect(order.all.first == "7s")
    }

    @Test("gives the operation's value or error back, and stands still again afterwards")
    func runEnds() async {
        struct Broken: Error, Equatable {}
        #expect(await clock.run { 7 } == 7)
        await #expect(throws: Broken()) {
            try await clock.run { () async throws(Broken) in throw Broken() }
        }
        let sleeper = Task { [clock] in try? await clock.source.sleep(until: clock.now.advanced(by: .seconds(1))) }
        await clock.sleepers(1)
        try? await Task.sleep(for: .milliseconds(20))
        #expect(clock.sleeperCount == 1)
        sleeper.cancel()
    }
}
