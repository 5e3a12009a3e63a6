// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("A rate limiter")
struct RateLimiterTests {
    private let clock = ManualClock()
    private let events = EventRecorder<RateLimiterEvent>()

    private func limiter(
        _ rate: CallRate = .perSecond(10), burst: Int = 1, wait: Duration = .seconds(1), mode: PolicyMode = .enforced
    ) throws -> RateLimiter {
        try RateLimiter(
            RateLimiterOptions(rate: rate, burst: burst, maximumWait: wait), mode: mode, time: clock.source,
            onEvent: events.record)
    }

    @Test("lets waiting calls through in their order, each in its turn")
    func order() async throws {
        let limiter = try limiter()
        try limiter.acquireNow()
        let order = EventRecorder<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<3 {
                group.addTask {
                    try await limiter.acquire()
                    order.record(index)
                }
                try await waitUntil("call \(index) waits") { limiter.status.waiting == index + 1 }
            }
            for index in 0..<3 {
                try await waitUntil("the timer is set") { clock.sleeperCount == 1 }
                clock.advance(by: .milliseconds(100))
                try await waitUntil("call \(index) passes") { order.all.count == index + 1 }
            }
            try await group.waitForAll()
        }
        #expect(order.all == [0, 1, 2])
        #expect(clock.sleeperCount == 0)
        #expect(events.all == [.waited(.milliseconds(100)), .waited(.milliseconds(200)), .waited(.milliseconds(300))])
    }

    @Test("a change of rate between a turn and its timer charges whoever it lets through")
    func changeAtTurn() async throws {
        let now = Atomic(Int64(1_000_000_000))
        // A clock whose timers never ring.
        let time = TimeSource(now: { MonotonicInstant(nanoseconds: now.load(ordering: .relaxed)) }) {
            _ async throws(CancellationError) in
            do { try await Task.sleep(for: .seconds(3600)) } catch { throw CancellationError() }
        }
        let limiter = try RateLimiter(
            RateLimiterOptions(rate: .perSecond(10), burst: 1, maximumWait: .seconds(60)), time: time)
        try limiter.acquireNow()
        let waiting = (0..<50).map { _ in Task { try await limiter.acquire() } }
        try await waitUntil("all wait") { limiter.status.waiting == 50 }
        _ = now.add(150_000_000, ordering: .relaxed)
        try limiter.configure(RateLimiterOptions(rate: .perSecond(20), burst: 1, maximumWait: .seconds(60)))
        #expect(limiter.status.waiting == 49)
        for call in waiting { call.cancel() }
        for call in waiting { _ = await call.result }
        #expect(limiter.status.waiting == 0)
    }

    @Test("a cancelled waiter throws cancelled, and its turn goes to the next (resilience4j keeps the permit)")
    func cancellation() async throws {
        let limiter = try limiter()
        try limiter.acquireNow()
        let first = Task { try await limiter.acquire() }
        try await waitUntil("the first waits") { limiter.status.waiting == 1 }
        let second = Task { try await limiter.acquire() }
        try await waitUntil("the second waits") { limiter.status.waiting == 2 }
        first.cancel()
        await #expect(throws: ResilienceError<Never>.cancelled(last: nil)) { try await first.value }
        try await waitUntil("the timer is set") { clock.sleeperCount == 1 }
        clock.advance(by: .milliseconds(100))
        try await second.value
    }

    @Test("acquireNow never waits, and says how long to the next call")
    func acquireNow() throws {
        let limiter = try limiter(wait: .zero)
        try limiter.acquireNow()
        #expect(throws: Rejection(.rateLimited, retryAfter: .milliseconds(100))) { try limiter.acquireNow() }
        let patient = try self.limiter(wait: .seconds(1))
        try patient.acquireNow()
        #expect(throws: Rejection(.rateLimited, retryAfter: .milliseconds(100))) { try patient.acquireNow() }
        #expect(patient.status.waiting == 0)
    }

    @Test("refuses at once what can't be done before the deadline")
    func deadline() async throws {
        let limiter = try limiter()
        try limiter.acquireNow()
        let deadline = clock.now.advanced(by: .milliseconds(99))
        await #expect(throws: ResilienceError<Never>.rejected(Rejection(.deadlineTooShort), last: nil)) {
            try await limiter.acquire(deadline: deadline)
        }
    }

    @Test("run keeps the operation's error apart from its own")
    func run() async throws {
        struct Broken: Error, Equatable {}
        let limiter = try limiter(wait: .zero)
        await #expect(throws: ResilienceError<Broken>.operation(Broken())) {
            try await limiter.run { () async throws(Broken) -> Int in throw Broken() }
        }
        await #expect(
            throws: ResilienceError<Broken>.rejected(Rejection(.rateLimited, retryAfter: .milliseconds(100)), last: nil)
        ) {
            try await limiter.run { () async throws(Broken) -> Int in 1 }
        }
        clock.advance(by: .milliseconds(100))
        let value = try await limiter.run { () async throws(Broken) -> Int in 42 }
        #expect(value == 42)
    }

    @Test("shadow lets everything pass and reports, disabled sees nothing, and leaving enforced lets the waiters go")
    func modes() async throws {
        let limiter = try limiter(wait: .zero, mode: .shadow)
        try limiter.acquireNow()
        try limiter.acquireNow()
        #expect(events.all == [.rejected(.rateLimited, shadow: true)])
        try limiter.configure(["rate": "1/s", "max-wait": "1h", "mode": "enforced"])
        #expect(limiter.setting.mode == .enforced)
        let waiting = Task { try await limiter.acquire() }
        try await waitUntil("it waits") { limiter.status.waiting == 1 }
        try limiter.configure("disabled")
        try await waiting.value
        try limiter.acquireNow()
    }

    @Test("a faster rate wakes the waiters earlier, a slower one refuses those who would come too late")
    func reconfigure() async throws {
        let limiter = try limiter(.perSecond(1), wait: .seconds(2))
        try limiter.acquireNow()
        let first = Task { try await limiter.acquire() }
        try await waitUntil("the first waits") { limiter.status.waiting == 1 }
        let second = Task { try await limiter.acquire() }
        try await waitUntil("the second waits") { limiter.status.waiting == 2 }
        try limiter.configure(["rate": "100/s"])
        try await waitUntil("the timer is set") { clock.sleeperCount == 1 }
        clock.advance(by: .milliseconds(10))
        try await first.value
        try limiter.configure(["rate": "1/h"])
        await #expect(throws: ResilienceError<Never>.self) { try await second.value }
        #expect(limiter.status.waiting == 0)
    }

    @Test("every waiter is resumed exactly once in a storm of cancellations", arguments: [UInt64(51), 52, 53])
    func storm(seed: UInt64) async throws {
        // On the real clock: timers, grants and cancellations really race.
        let limiter = try RateLimiter(
            RateLimiterOptions(rate: .perSecond(20_000), burst: 5, maximumWait: .seconds(30)))
        var random = SplitMix64(seed: seed)
        let delays = (0..<400).map { _ in random.next() % 5_000_000 }
        let outcomes = await withTaskGroup(of: String.self) { group in
            for delay in delays {
                group.addTask {
                    let call = Task {
                        do throws(ResilienceError<Never>) {
                            try await limiter.acquire()
                            return "admitted"
                        } catch {
                            return error.rejection == nil ? "cancelled" : "refused"
                        }
                    }
                    if delay % 2 == 0 {
                        try? await Task.sleep(nanoseconds: delay)
                        call.cancel()
                    }
                    return await call.value
                }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes.values.reduce(0, +) == 400, "seed \(seed): \(outcomes)")
        // Nobody who did not give up is forgotten, and the wait is long enough for all of them.
        #expect(outcomes["admitted", default: 0] >= delays.count { $0 % 2 == 1 }, "seed \(seed): \(outcomes)")
        #expect(limiter.status.waiting == 0)
    }

    @Test("a call that a change of mode lets through is charged, so that giving it back makes no call out of nothing")
    func refundAfterDismissal() async throws {
        for mode in ["shadow", "disabled"] as [ConfigurationValue] {
            let limiter = try limiter(CallRate(1, per: .seconds(3600)), wait: .seconds(3600))
            try limiter.acquireNow()
            let waiting = Task { try await limiter.acquire() }
            try await waitUntil("it waits") { limiter.status.waiting == 1 }
            try limiter.configure(mode)
            try await waiting.value
            limiter.refund()
            try limiter.configure("enforced")
            #expect(limiter.status.available == 0, "the first call's hour is not over")
        }
    }
}
