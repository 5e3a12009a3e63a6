// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private typealias Machine = RateLimiter.StateMachine

private let millisecond: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

@Suite("The rate limiter's state machine")
struct RateLimiterStateMachineTests {
    @Test("lets the burst through at once and then one call per interval")
    func burstThenInterval() {
        var machine = Machine(options: RateLimiterOptions(rate: .perSecond(10), burst: 3))
        for _ in 1...3 { #expect(machine.acquire(at: 0) == .granted) }
        #expect(machine.acquire(at: 0) == .refused(Rejection(.rateLimited, retryAfter: .milliseconds(100))))
        #expect(
            machine.acquire(at: 99 * millisecond) == .refused(Rejection(.rateLimited, retryAfter: .milliseconds(1))))
        #expect(machine.acquire(at: 100 * millisecond) == .granted)
        #expect(
            machine.acquire(at: 150 * millisecond) == .refused(Rejection(.rateLimited, retryAfter: .milliseconds(50))))
    }

    @Test("says exactly when to come back: one nanosecond earlier is too early (thirds of a second don't round away)")
    func exactRetryAfter() {
        var machine = Machine(options: RateLimiterOptions(rate: .perSecond(3), burst: 2))
        #expect(machine.acquire(at: 0) == .granted)
        #expect(machine.acquire(at: 0) == .granted)
        var now: Int64 = 0
        for call in 1...3000 {
            guard case .refused(let rejection) = machine.acquire(at: now), let wait = rejection.retryAfter else {
                Issue.record("expected a refusal with a time")
                return
            }
            let next = now + wait.nanosecondsSaturated
            guard case .refused = machine.acquire(at: next - 1) else {
                Issue.record("admitted early")
                return
            }
            now = next
            #expect(machine.acquire(at: now) == .granted)
            // The n-th third of a second, rounded up to a nanosecond, with no error that adds up.
            #expect(now == (Int64(call) * second + 2) / 3)
        }
    }

    @Test("has no window whose edge lets twice the limit through (resilience4j's and Polly's fixed windows do)")
    func noWindowEdge() {
        var machine = Machine(options: RateLimiterOptions(rate: .perSecond(100), burst: 10))
        // Idle until just before what would be the edge of a window, then everything at once on both sides of it.
        let granted = (0..<1000).filter {
            machine.acquire(at: second - 5 * millisecond + Int64($0) * 10_000) == .granted
        }
        #expect(granted.count == 10)
    }

    @Test("refuses a hopeless waiter at once (resilience4j lets it sleep its whole timeout first)")
    func hopelessWaiter() {
        let options = RateLimiterOptions(rate: .perSecond(10), burst: 1, maximumWait: .milliseconds(250))
        var machine = Machine(options: options)
        #expect(machine.acquire(at: 0) == .granted)
        #expect(machine.acquire(at: 0) == .waits(id: 1, until: 100 * millisecond))
        #expect(machine.acquire(at: 0) == .waits(id: 2, until: 200 * millisecond))
        // The fourth's turn is at 300 ms: it would be taken on from 50 ms on.
        #expect(machine.acquire(at: 0) == .refused(Rejection(.rateLimited, retryAfter: .milliseconds(50))))
        #expect(machine.acquire(at: 50 * millisecond) == .waits(id: 3, until: 300 * millisecond))
    }

    @Test("refuses a call whose turn comes after its deadline")
    func deadline() {
        let options = RateLimiterOptions(rate: .perSecond(10), burst: 1, maximumWait: .seconds(1))
        var machine = Machine(options: options)
        #expect(machine.acquire(at: 0) == .granted)
        #expect(machine.acquire(at: 0, deadline: 100 * millisecond - 1) == .refused(Rejection(.deadlineTooShort)))
        #expect(machine.acquire(at: 0, deadline: 100 * millisecond) == .waits(id: 1, until: 100 * millisecond))
    }

    @Test(
        "gives a cancelled waiter's turn to the next in line (resilience4j keeps the reserved permit: availablePermissions -1)"
    )
    func cancelledWaiter() {
        let options = RateLimiterOptions(rate: .perSecond(10), burst: 1, maximumWait: .seconds(1))
        var machine = Machine(options: options)
        #expect(machine.acquire(at: 0) == .granted)
        for _ in 1...3 { _ = machine.acquire(at: 0) }
        #expect(machine.cancel(1) == true)
        #expect(machine.cancel(1) == false)
        #expect(machine.nextTurn(at: 0) == 100 * millisecond)
        #expect(machine.popDue(at: 100 * millisecond) == 2)
        #expect(machine.popDue(at: 100 * millisecond) == nil)
        #expect(machine.popDue(at: 200 * millisecond) == 3)
    }

    @Test("takes back a call that was granted and not made")
    func refund() {
        var machine = Machine(options: RateLimiterOptions(rate: .perSecond(10), burst: 2))
        #expect(machine.acquire(at: 0) == .granted)
        #expect(machine.acquire(at: 0) == .granted)
        machine.refund()
        #expect(machine.available(at: 0) == 1)
        #expect(machine.acquire(at: 0) == .granted)
        #expect(machine.available(at: 0) == 0)
        // A refund never makes more of the burst than there was.
        for _ in 1...5 { machine.refund() }
        #expect(machine.available(at: 0) == 2)
    }

    @Test("loses nothing of the rate when timers come late")
    func lateTimers() {
        let options = RateLimiterOptions(rate: .perSecond(100), burst: 1, maximumWait: .seconds(10))
        var machine = Machine(options: options)
        #expect(machine.acquire(at: 0) == .granted)
        for _ in 1...50 { _ = machine.acquire(at: 0) }
        // The timer of the first comes 95 ms late: ten turns have passed.
        var due = 0
        while machine.popDue(at: 105 * millisecond) != nil { due += 1 }
        #expect(due == 10)
        #expect(machine.nextTurn(at: 105 * millisecond) == 110 * millisecond)
    }

    @Test("keeps what was used when the rate is changed, and moves the waiters")
    func configure() {
        let slow = RateLimiterOptions(rate: .perSecond(1), burst: 4, maximumWait: .seconds(10))
        var machine = Machine(options: slow)
        for _ in 1...4 { #expect(machine.acquire(at: 0) == .granted) }
        #expect(machine.acquire(at: 0) == .waits(id: 1, until: second))
        #expect(machine.acquire(at: 0) == .waits(id: 2, until: 2 * second))
        var fast = slow
        fast.rate = .perSecond(10)
        #expect(machine.configure(fast, at: 0) == [])
        #expect(machine.nextTurn(at: 0) == 100 * millisecond)
        // Slower than they would wait: only the one whose turn still comes in time stays.
        var crawl = slow
        crawl.rate = CallRate(1, per: .seconds(8))
        #expect(machine.configure(crawl, at: 0) == [2])
        #expect(machine.nextTurn(at: 0) == 8 * second)
    }

    @Test("an observer charges what it would have admitted and nothing else")
    func observe() {
        var machine = Machine(options: RateLimiterOptions(rate: .perSecond(10), burst: 2))
        #expect(machine.observe(at: 0) == nil)
        #expect(machine.observe(at: 0) == nil)
        #expect(machine.observe(at: 0) == .rateLimited)
        #expect(machine.observe(at: 100 * millisecond) == nil)
        #expect(machine.observe(at: 100 * millisecond) == .rateLimited)
    }

    @Test("survives clocks at their ends", arguments: [Int64.min / 2, 0, Int64.max / 2, Int64.max - 1])
    func extremes(now: Int64) {
        let options = RateLimiterOptions(
            rate: CallRate(1, per: .seconds(86_400)), burst: 1_000_000, maximumWait: .seconds(3600))
        var machine = Machine(options: options)
        for _ in 1...3 { #expect(machine.acquire(at: now) == .granted) }
        machine.refund()
        #expect(machine.available(at: now) == 999_998)
    }

    @Test(
        "lets through what a token bucket would, in the order of arrival, whatever happens",
        arguments: [UInt64(21), 22, 23, 24, 25, 26])
    func againstTokenBucket(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let rates = [
            CallRate(7, per: .seconds(1)), CallRate(1000, per: .milliseconds(3)), CallRate(3, per: .seconds(2)),
        ]
        let rate = rates[Int(seed % 3)]
        let burst = 1 + Int(random.next() % 5)
        let gap = rate.period.nanosecondsSaturated / Int64(rate.calls)
        let wait = gap * 4
        let options = RateLimiterOptions(rate: rate, burst: burst, maximumWait: .nanoseconds(wait))
        var machine = Machine(options: options)
        var bucket = TokenBucket(rate: rate, burst: burst)
        var waiting: [UInt64] = []
        var now: Int64 = 1_000_000
        for step in 0..<4000 {
            let place = Comment(rawValue: "seed \(seed), step \(step)")
            // Time moves to a random instant; on the way everybody gets their turn at its own moment.
            let target = now + Int64(random.next() % UInt64(gap * 2))
            while let id = waiting.first {
                let turn = bucket.turn(of: 0, at: now)
                if turn > target { break }
                now = turn
                #expect(machine.nextTurn(at: now) == now, place)
                #expect(machine.popDue(at: now) == id, place)
                bucket.take(at: now)
                waiting.removeFirst()
            }
            now = target
            switch random.next() % 8 {
            case 0 where !waiting.isEmpty:
                let id = waiting.remove(at: Int(random.next() % UInt64(waiting.count)))
                #expect(machine.cancel(id) == true, place)
            default:
                let turn = bucket.turn(of: waiting.count, at: now)
                switch machine.acquire(at: now) {
                case .granted:
                    #expect(turn == now && waiting.isEmpty, place)
                    bucket.take(at: now)
                case .waits(let id, let until):
                    #expect(turn == until && turn > now && turn <= now + wait, place)
                    waiting.append(id)
                case .refused(let rejection):
                    #expect(rejection == Rejection(.rateLimited, retryAfter: .nanoseconds(turn - now - wait)), place)
                }
            }
            #expect(machine.waiting == waiting.count, place)
        }
    }

    /// A token bucket counted in the smallest common unit: a nanosecond adds `calls` of it, a call takes `period` of
    /// it.
    private struct TokenBucket {
        let perNanosecond: Int128
        let cost: Int128
        let size: Int128
        private var content: Int128
        private var filled: Int64 = 0

        init(rate: CallRate, burst: Int) {
            perNanosecond = Int128(rate.calls)
            cost = Int128(rate.period.nanosecondsSaturated)
            size = cost * Int128(burst)
            content = size
        }

        private func content(at now: Int64) -> Int128 {
            min(size, content + Int128(now - filled) * perNanosecond)
        }

        mutating func take(at now: Int64) {
            content = content(at: now) - cost
            filled = now
        }

        /// When there is a token for the call behind `ahead` others.
        func turn(of ahead: Int, at now: Int64) -> Int64 {
            let missing = cost * Int128(ahead + 1) - content(at: now)
            return missing <= 0 ? now : now + Int64((missing + perNanosecond - 1) / perNanosecond)
        }
    }
}
