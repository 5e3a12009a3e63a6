// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("A rate limiter by key")
struct KeyedRateLimiterTests {
    private let clock = ManualClock()

    private func limiter(
        _ rate: CallRate = .perSecond(10), burst: Int = 2, capacity: Int = 16, mode: PolicyMode = .enforced
    ) throws -> KeyedRateLimiter<String> {
        try KeyedRateLimiter(
            RateLimiterOptions(rate: rate, burst: burst), capacity: capacity, mode: mode, time: clock.source)
    }

    private func isAdmitted(_ limiter: KeyedRateLimiter<String>, _ key: String) -> Bool {
        do throws(Rejection) {
            try limiter.acquire(key)
            return true
        } catch {
            return false
        }
    }

    @Test("two changes at once leave all keys with the same limit", .timeLimit(.minutes(1)))
    func concurrentChanges() async throws {
        let limiter = try KeyedRateLimiter<Int>(
            RateLimiterOptions(rate: .perSecond(1), burst: 1), capacity: 2_000, time: clock.source)
        for round in 0..<300 {
            let start = Start()
            await withTaskGroup(of: Void.self) { group in
                for burst in [1, 2] {
                    group.addTask {
                        start.together()
                        try? limiter.configure(RateLimiterOptions(rate: .perSecond(1), burst: burst))
                    }
                }
            }
            let second = (round * 64..<round * 64 + 64).count { key in
                (try? limiter.acquire(key)) != nil && (try? limiter.acquire(key)) != nil
            }
            try #require(second == (limiter.setting.options?.burst == 1 ? 0 : 64), "round \(round)")
        }
    }

    @Test("gives each key its own limit, and says exactly when to come back")
    func separateKeys() throws {
        let limiter = try limiter()
        for key in ["a", "b"] {
            #expect(isAdmitted(limiter, key) && isAdmitted(limiter, key))
            #expect(throws: Rejection(.rateLimited, retryAfter: .milliseconds(100))) { try limiter.acquire(key) }
        }
        clock.advance(by: .milliseconds(100))
        #expect(isAdmitted(limiter, "a"))
        limiter.refund("a")
        #expect(isAdmitted(limiter, "a") && !isAdmitted(limiter, "a"))
    }

    @Test("never holds more keys than its capacity")
    func bounded() throws {
        for capacity in [16, 4096] {
            let limiter = try limiter(capacity: capacity)
            for index in 0..<3 * capacity { _ = isAdmitted(limiter, "key-\(index)") }
            #expect(limiter.keyCount <= capacity)
            #expect(limiter.keyCount > capacity / 2)
        }
    }

    @Test("forgetting a key whose burst is full again changes nothing for anybody")
    func idleKeysGoFirst() throws {
        let limiter = try limiter(.perSecond(1), burst: 2, capacity: 16)
        for index in 0..<15 { _ = isAdmitted(limiter, "idle-\(index)") }
        clock.advance(by: .seconds(10))
        #expect(isAdmitted(limiter, "busy") && isAdmitted(limiter, "busy"))
        for index in 0..<10 { _ = isAdmitted(limiter, "new-\(index)") }
        #expect(!isAdmitted(limiter, "busy"))
    }

    @Test("a flood of made-up keys can't wash out one that has used up its limit")
    func flood() throws {
        let limiter = try limiter(.perSecond(1), burst: 5, capacity: 64)
        for _ in 0..<5 { #expect(isAdmitted(limiter, "heavy")) }
        for index in 0..<10_000 { _ = isAdmitted(limiter, "flood-\(index)") }
        #expect(!isAdmitted(limiter, "heavy"))
    }

    @Test("shadow admits all and counts, disabled sees nothing, a change keeps what was used")
    func modes() throws {
        let events = EventRecorder<RateLimiterEvent>()
        let limiter = try KeyedRateLimiter<String>(
            RateLimiterOptions(rate: .perSecond(1), burst: 1), mode: .shadow, time: clock.source, onEvent: events.record
        )
        #expect(isAdmitted(limiter, "a") && isAdmitted(limiter, "a"))
        #expect(events.all == [.rejected(.rateLimited, shadow: true)])
        try limiter.configure("enforced")
        #expect(!isAdmitted(limiter, "a"))
        try limiter.configure(["rate": "10/s"])
        clock.advance(by: .milliseconds(100))
        #expect(isAdmitted(limiter, "a"))
        try limiter.configure("disabled")
        #expect(isAdmitted(limiter, "a") && isAdmitted(limiter, "a"))
    }

    @Test("refuses capacities out of bounds and waits, without a trap", arguments: [0, -1, 15, 10_000_001])
    func badOptions(capacity: Int) throws {
        #expect(throws: ConfigurationFaults.self) { try limiter(capacity: capacity) }
        #expect(throws: ConfigurationFaults.self) {
            try KeyedRateLimiter<String>(RateLimiterOptions(rate: .perSecond(1), maximumWait: .seconds(1)))
        }
        let sound = try limiter()
        #expect(throws: ConfigurationFaults.self) { try sound.configure(["max-wait": "1s"]) }
    }
}

/// Lets two tasks go on at the same moment, unless there is only one thread for them.
private final class Start: Sendable {
    private let arrived = Atomic(0)

    func together() {
        arrived.add(1, ordering: .relaxed)
        var patience = 100_000
        while arrived.load(ordering: .relaxed) < 2, patience > 0 { patience -= 1 }
    }
}
