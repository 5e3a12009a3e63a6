// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("A bulkhead's queue")
struct BulkheadStateMachineTests {
    typealias Machine = Bulkhead.StateMachine

    func waiter(_ machine: inout Machine) -> UInt64 {
        if case .wait(let id) = machine.acquire() { return id }
        Issue.record("the call does not wait")
        return 0
    }

    @Test("slots, then the queue, then refusal at once")
    func bounds() {
        var machine = Machine(options: .init(limit: 2, queue: 1))
        #expect(machine.acquire() == .granted)
        #expect(machine.acquire() == .granted)
        _ = waiter(&machine)
        #expect(machine.acquire() == .refused)
    }

    @Test("a limit of zero refuses everything, and nobody waits for what never comes")
    func zero() {
        var machine = Machine(options: .init(limit: 0, queue: 10))
        #expect(machine.acquire() == .refused)
    }

    @Test("who waits longest goes first, or last", arguments: BulkheadOptions.Order.allCases)
    func order(_ order: BulkheadOptions.Order) {
        var machine = Machine(options: .init(limit: 1, queue: 3, order: order))
        _ = machine.acquire()
        let waiters = (0..<3).map { _ in waiter(&machine) }
        let granted = (0..<3).map { _ in machine.release() }
        #expect(granted == (order == .fifo ? waiters : waiters.reversed()))
    }

    @Test("who left the queue never owns a slot (Netflix timeoutAcquireRaceCondition)")
    func leaverOwnsNothing() {
        var machine = Machine(options: .init(limit: 1, queue: 2))
        _ = machine.acquire()
        let (first, second) = (waiter(&machine), waiter(&machine))
        let left = [machine.leave(first), machine.leave(first)]
        #expect(left == [true, false])
        #expect(machine.release() == second)
        let leftLate = machine.leave(second)
        #expect(!leftLate, "it owns a slot now and has to release it")
        #expect(machine.release() == nil)
        #expect(machine.inFlight == 0)
    }

    @Test("when the limit shrinks slots retire before new ones are granted; nobody is blocked (resilience4j blocks)")
    func shrink() {
        var machine = Machine(options: .init(limit: 4, queue: 4))
        for _ in 0..<4 { _ = machine.acquire() }
        let next = waiter(&machine)
        #expect(machine.configure(.init(limit: 2, queue: 4)) == [])
        #expect(machine.release() == nil)
        #expect(machine.release() == nil)
        #expect(machine.release() == next)
        #expect(machine.inFlight == 2)
    }

    @Test("when the limit grows those who wait go in")
    func grow() {
        var machine = Machine(options: .init(limit: 1, queue: 4))
        _ = machine.acquire()
        let waiters = (0..<3).map { _ in waiter(&machine) }
        #expect(machine.configure(.init(limit: 3, queue: 4)) == Array(waiters.prefix(2)))
    }

    @Test("a hundred thousand waiters that give up, in whatever order, take no time", .timeLimit(.minutes(1)))
    func massExit() {
        let count: UInt64 = 100_000
        var machine = Machine(options: .init(limit: 1, queue: Int(count)))
        _ = machine.acquire()
        let ids = (0..<count).map { _ in waiter(&machine) }
        // Every place once: the step has no factor in common with the number.
        let left = (0..<count).count { machine.leave(ids[Int($0 * 77_773 % count)]) }
        #expect(left == Int(count) && machine.queued == 0)
    }

    @Test("calls under way never exceed the limit, and every slot comes back", arguments: Seeds.some(60))
    func schedules(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var options = BulkheadOptions(limit: random.int(in: 0...5), queue: random.int(in: 0...5))
        options.order = random.chance(0.5) ? .fifo : .lifo
        var machine = Machine(options: options)
        var holders = 0
        var queue: [UInt64] = []
        func next() -> UInt64? {
            guard holders < options.limit, !queue.isEmpty else { return nil }
            return options.order == .fifo ? queue.removeFirst() : queue.removeLast()
        }
        for _ in 0..<1_000 {
            switch random.int(in: 0...9) {
            case 0...4:
                switch machine.acquire() {
                case .granted:
                    try #require(holders < options.limit && queue.isEmpty, "seed \(seed)")
                    holders += 1
                case .wait(let id):
                    try #require(queue.count < options.queue, "seed \(seed)")
                    queue.append(id)
                case .refused:
                    try #require(options.limit == 0 || queue.count >= options.queue, "seed \(seed)")
                }
            case 5...7 where holders > 0:
                holders -= 1
                let granted = machine.release()
                let expected = next()
                if expected != nil { holders += 1 }
                try #require(granted == expected, "seed \(seed)")
            case 8 where !queue.isEmpty:
                let id = queue.remove(at: random.int(in: 0...queue.count - 1))
                let wasWaiting = machine.leave(id)
                try #require(wasWaiting, "seed \(seed)")
            case 9:
                options.limit = random.int(in: 0...5)
                var expected: [UInt64] = []
                while let id = next() {
                    expected.append(id)
                    holders += 1
                }
                try #require(machine.configure(options) == expected, "seed \(seed)")
            default: break
            }
            try #require(machine.inFlight == holders && machine.queued == queue.count, "seed \(seed)")
        }
    }
}

@Suite("A bulkhead in a pipeline", .timeLimit(.minutes(2)))
struct BulkheadPipelineTests {
    let clock = ManualClock()

    func pipeline(_ bulkhead: ConfigurationValue) throws -> (ResilienceRegistry, ResiliencePipeline) {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": .map(ConfigurationMap([.init("bulkhead", bulkhead)]))]))
        return (registry, registry.pipeline("p"))
    }

    @Test("a call that waited as long as it may is refused and leaves the queue")
    func queueTimeout() async throws {
        let (_, pipeline) = try pipeline(["limit": 1, "queue": 1, "max-wait": "20ms"])
        let gate = Gate()
        let holder = Task { try await pipeline.execute { _ in await gate.wait() } }
        try await waitUntil("the slot is taken") { pipeline.bulkhead.status.inFlight == 1 }
        let waiting = Task { await outcome(pipeline) }
        let clock = clock
        try await waitUntil("the second call waits") { clock.sleeperCount == 1 }
        #expect(await outcome(pipeline) == .failure(.rejected(Rejection(.bulkheadFull), last: nil)))
        clock.advance(by: .milliseconds(20))
        #expect(await waiting.value == .failure(.rejected(Rejection(.queueTimeout), last: nil)))
        #expect(pipeline.bulkhead.status.queued == 0)
        gate.open()
        try await holder.value
        #expect(pipeline.bulkhead.status.inFlight == 0)
    }

    @Test("a call that is cancelled while it waits is cancelled, not refused, and leaves the queue")
    func cancelledWaiter() async throws {
        let (_, pipeline) = try pipeline(["limit": 1, "queue": 1])
        let gate = Gate()
        let holder = Task { try await pipeline.execute { _ in await gate.wait() } }
        try await waitUntil("the slot is taken") { pipeline.bulkhead.status.inFlight == 1 }
        let waiting = Task { await outcome(pipeline) }
        try await waitUntil("the second call waits") { pipeline.bulkhead.status.queued == 1 }
        waiting.cancel()
        #expect(await waiting.value == .failure(.cancelled(last: nil)))
        #expect(pipeline.bulkhead.status.queued == 0)
        gate.open()
        try await holder.value
    }

    @Test("a call that is cancelled as it is granted its slot gives it back and is cancelled")
    func cancelledAsGranted() async throws {
        let (_, pipeline) = try pipeline(["limit": 1, "queue": 1])
        let bulkhead = pipeline.bulkhead
        let now = clock.now
        #expect(bulkhead.admit() == .admitted(.taken))
        guard case .wait(let id, let longest) = bulkhead.admit() else {
            Issue.record("the call does not wait")
            return
        }
        bulkhead.release()
        let result = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await bulkhead.wait(id, since: now, atMost: longest, deadline: nil)
        }.value
        #expect(result == .cancelled)
        #expect(bulkhead.status.inFlight == 0)
    }

    @Test("a call whose deadline passes in the queue is refused for its deadline, as by every other queue")
    func deadlineInQueue() async throws {
        let (_, pipeline) = try pipeline(["limit": 1, "queue": 1, "max-wait": "1s"])
        let gate = Gate()
        let holder = Task { try await pipeline.execute { _ in await gate.wait() } }
        try await waitUntil("the slot is taken") { pipeline.bulkhead.status.inFlight == 1 }
        let latest = clock.now.advanced(by: .milliseconds(20))
        let waiting = Task {
            await Result.catching { () async throws(ResilienceError<Broken>) in
                try await pipeline.execute(deadline: latest) { _ async throws(Broken) -> Int in 1 }
            }
        }
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(20))
        #expect(await waiting.value == .failure(.rejected(Rejection(.deadlineTooShort), last: nil)))
        #expect(pipeline.counters.rejections(.deadlineTooShort) == 1)
        #expect(pipeline.counters.rejections(.queueTimeout) == 0)
        gate.open()
        try await holder.value
    }

    @Test("switching the bulkhead off lets everybody in who waits")
    func switchOff() async throws {
        let (registry, pipeline) = try pipeline(["limit": 1, "queue": 5])
        let gate = Gate()
        let calls = (0..<4).map { _ in Task { try await pipeline.execute { _ in await gate.wait() } } }
        try await waitUntil("three calls wait") { pipeline.bulkhead.status.queued == 3 }
        try registry.apply(PolicyEdits(["p": ["bulkhead": "disabled"]]))
        #expect(pipeline.bulkhead.status.queued == 0)
        gate.open()
        for call in calls { try await call.value }
        #expect(pipeline.bulkhead.status.inFlight == 0)
    }

    @Test("shadow mode lets everything pass and counts what it would have refused")
    func shadow() async throws {
        let (_, pipeline) = try pipeline(["limit": 1, "mode": "shadow"])
        let gate = Gate()
        let calls = (0..<3).map { _ in Task { try await pipeline.execute { _ in await gate.wait() } } }
        try await waitUntil("all are in") { pipeline.bulkhead.status.inFlight == 3 }
        gate.open()
        for call in calls { try await call.value }
        #expect(pipeline.counters.shadowRejections(.bulkheadFull) == 2)
        #expect(pipeline.counters.rejections(.bulkheadFull) == 0)
    }

    @Test("in a storm of cancellations every call ends exactly once and no slot is lost", arguments: Seeds.some(6))
    func storm(seed: UInt64) async throws {
        let registry = ResilienceRegistry(seed: seed)
        try registry.apply(
            PolicyEdits(["p": ["bulkhead": ["limit": 3, "queue": 20, "max-wait": "3ms"], "attempt-timeout": "2ms"]]))
        let pipeline = registry.pipeline("p")
        let level = Level()
        let ended = await withTaskGroup(of: Int.self) { group in
            for index in 0..<400 {
                group.addTask {
                    var random = SplitMix64(seed: seed &+ UInt64(index))
                    let (pause, cancelAfter) = (
                        random.int(in: 0...3), random.chance(0.5) ? random.int(in: 0...3_000) : nil
                    )
                    let call = Task {
                        try await pipeline.execute { _ in
                            level.rise()
                            defer { level.fall() }
                            for _ in 0..<pause { await Task.yield() }
                            if pause == 3 { try await Task.sleep(for: .milliseconds(5)) }
                        }
                    }
                    if let cancelAfter {
                        try? await Task.sleep(for: .microseconds(cancelAfter))
                        call.cancel()
                    }
                    _ = await call.result
                    return 1
                }
            }
            return await group.reduce(0, +)
        }
        #expect(ended == 400)
        #expect(level.highest <= 3)
        #expect(pipeline.bulkhead.status == Bulkhead.Status(inFlight: 0, queued: 0, limit: 3))
        #expect(pipeline.counters.calls == 400)
        let counters = pipeline.counters
        #expect(counters.calls == counters.successes + counters.failures + counters.cancellations)
    }

    private func outcome(_ pipeline: ResiliencePipeline) async -> Result<Int, ResilienceError<Broken>> {
        await Result.catching { () async throws(ResilienceError<Broken>) in
            try await pipeline.execute { _ async throws(Broken) -> Int in 1 }
        }
    }
}

@Suite("A bulkhead's permits", .timeLimit(.minutes(1)))
struct BulkheadPermitTests {
    let clock = ManualClock()

    func bulkhead(_ limit: Int, queue: Int = 0, mode: PolicyMode = .enforced) -> Bulkhead {
        Bulkhead(
            setting: PolicySetting(mode: mode, options: BulkheadOptions(limit: limit, queue: queue)),
            time: clock.source, listener: PolicyListener(nil))
    }

    @Test("a permit gives its slot back exactly once, released or dropped")
    func slots() throws {
        let bulkhead = bulkhead(2)
        do {
            let first = try bulkhead.tryAcquire()
            let dropped = try bulkhead.tryAcquire()
            #expect(throws: Rejection(.bulkheadFull)) { _ = try bulkhead.tryAcquire() }
            first.release()
            #expect(bulkhead.status.inFlight == 1)
            _ = dropped
        }
        #expect(bulkhead.status.inFlight == 0)
    }

    @Test("one that may not wait is refused while others do; who waits gets the slot that is released")
    func waits() async throws {
        let bulkhead = bulkhead(1, queue: 1)
        let holder = try await bulkhead.acquire()
        let waiting = Task { () async throws(ResilienceError<Never>) -> Int in
            let permit = try await bulkhead.acquire()
            let inFlight = bulkhead.status.inFlight
            permit.release()
            return inFlight
        }
        await clock.sleepers(1)
        #expect(throws: Rejection(.bulkheadFull)) { _ = try bulkhead.tryAcquire() }
        holder.release()
        #expect(try await waiting.value == 1)
        #expect(bulkhead.status == .init(inFlight: 0, queued: 0, limit: 1))
    }

    @Test("a wait ends at the deadline, after the longest wait, or with its task")
    func ends() async throws {
        let bulkhead = bulkhead(1, queue: 3)
        let holder = try await bulkhead.acquire()
        func waiter(_ deadline: MonotonicInstant?) -> Task<ResilienceError<Never>?, Never> {
            Task {
                do throws(ResilienceError<Never>) {
                    _ = try await bulkhead.acquire(deadline: deadline)
                    return nil
                } catch {
                    return error
                }
            }
        }
        let hurried = waiter(clock.now.advanced(by: .milliseconds(10)))
        let (patient, cancelled) = (waiter(nil), waiter(nil))
        await clock.sleepers(3)
        cancelled.cancel()
        #expect(await cancelled.value == .cancelled(last: nil))
        clock.advance(by: .milliseconds(10))
        #expect(await hurried.value == .rejected(Rejection(.deadlineTooShort), last: nil))
        clock.advance(by: .milliseconds(990))
        #expect(await patient.value == .rejected(Rejection(.queueTimeout), last: nil))
        holder.release()
        #expect(bulkhead.status == .init(inFlight: 0, queued: 0, limit: 1))
    }

    @Test("a disabled bulkhead hands out permits that hold nothing; one in shadow mode takes slots over the limit")
    func modes() async throws {
        let disabled = bulkhead(0, mode: .disabled)
        let empty = try await disabled.acquire()
        #expect(disabled.status.inFlight == 0)
        empty.release()
        let shadow = bulkhead(1, mode: .shadow)
        let first = try shadow.tryAcquire()
        let second = try shadow.tryAcquire()
        #expect(shadow.status.inFlight == 2)
        first.release()
        second.release()
        #expect(shadow.status.inFlight == 0)
    }
}

/// How many are inside, and how many were at most.
final class Level: Sendable {
    private let core = Mutex((now: 0, highest: 0))

    func rise() {
        core.withLock {
            $0.now += 1
            $0.highest = max($0.highest, $0.now)
        }
    }

    func fall() {
        core.withLock { $0.now -= 1 }
    }

    var highest: Int {
        core.withLock { $0.highest }
    }
}

/// Holds tasks until it is opened.
final class Gate: Sendable {
    private struct Core {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let core = Mutex(Core())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = core.withLock { core in
                if !core.isOpen { core.waiters.append(continuation) }
                return core.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = core.withLock { core in
            core.isOpen = true
            defer { core.waiters = [] }
            return core.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
