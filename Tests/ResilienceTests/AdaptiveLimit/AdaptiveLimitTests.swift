// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("An adaptive limit")
struct AdaptiveLimitTests {
    private let clock = ManualClock()
    private let events = EventRecorder<AdaptiveLimitEvent>()

    private func limit(initial: Int = 2, mode: PolicyMode = .enforced) throws -> AdaptiveLimit {
        try AdaptiveLimit(
            AdaptiveLimitOptions(algorithm: .aimd, initial: initial, window: .milliseconds(10), minimumCalls: 1),
            mode: mode,
            time: clock.source, onEvent: events.record)
    }

    @Test("refuses above the limit, and a dropped permit gives its slot back")
    func admits() throws {
        let limit = try limit()
        do {
            let first = try limit.acquire()
            let second = try limit.acquire()
            #expect(throws: Rejection(.limitReached)) { _ = try limit.acquire() }
            #expect(events.all == [.rejected(.limitReached, shadow: false)])
            first.end(.completed)
            _ = second
        }
        #expect(limit.status.inFlight == 0)
    }

    @Test("moves with what its calls end in, and says so")
    func moves() throws {
        let limit = try limit(initial: 10)
        for outcome in [AdaptiveLimit.Outcome.completed, .dropped] {
            let permit = try limit.acquire()
            clock.advance(by: .milliseconds(20))
            permit.end(outcome)
        }
        #expect(limit.status.limit == 9)
        #expect(events.all == [.moved(from: 10, to: 9)])
    }

    @Test("a failure that comes quickly is no sample, one that says overload shrinks the limit")
    func run() async throws {
        struct Refused: Error, Equatable { var isOverload: Bool }
        let limit = try limit(initial: 10)
        let classifier = Classifier<Int, Refused> { result in
            switch result {
            case .success: .success
            case .failure(let error): error.isOverload ? .throttled : .failure
            }
        }
        for isOverload in [false, false, true, true] {
            clock.advance(by: .milliseconds(20))
            await #expect(throws: ResilienceError.operation(Refused(isOverload: isOverload))) {
                try await limit.run(classifier: classifier) { () async throws(Refused) -> Int in
                    throw Refused(isOverload: isOverload)
                }
            }
        }
        #expect(events.all == [.moved(from: 10, to: 9)])
        #expect(limit.status.inFlight == 0)
    }

    @Test("shadow admits everything, disabled counts nothing, and a call that outlives a change gives its slot back")
    func modes() throws {
        let limit = try limit(initial: 1, mode: .shadow)
        let first = try limit.acquire()
        let second = try limit.acquire()
        #expect(events.all == [.rejected(.limitReached, shadow: true)])
        try limit.configure("disabled")
        let third = try limit.acquire()
        #expect(limit.status.inFlight == 2)
        try limit.configure(["max": 5])
        #expect(throws: Rejection(.limitReached)) { _ = try limit.acquire() }
        first.end(.completed)
        second.end(.ignored)
        third.end(.completed)
        #expect(limit.status.inFlight == 0)
    }

    @Test("a call leaves the queue at its deadline, even when one that may wait longer came first and nothing ends")
    func deadlineBehindPatience() async throws {
        let limit = try AdaptiveLimit(
            AdaptiveLimitOptions(algorithm: .aimd, initial: 1, queue: 4, maximumWait: .seconds(30)), time: clock.source,
            onEvent: events.record)
        let hanging = try limit.acquire()
        let patient = Task { try await limit.acquire(deadline: nil).end(.ignored) }
        try await waitUntil("the first waits") { limit.status.queued == 1 && clock.sleeperCount == 1 }
        let latest = clock.now.advanced(by: .milliseconds(50))
        let hurried = Task { try await limit.acquire(deadline: latest).end(.ignored) }
        try await waitUntil("both wait") { limit.status.queued == 2 }
        clock.advance(by: .milliseconds(50))
        try await waitUntil("the second has left", within: .seconds(5)) { limit.status.queued == 1 }
        await #expect(throws: ResilienceError<Never>.rejected(Rejection(.deadlineTooShort), last: nil)) {
            try await hurried.value
        }
        hanging.end(.ignored)
        try await patient.value
    }

    @Test("who follows the limit ends up with the latest, also when two changes are told in the wrong order")
    func followersSeeTheLatest() throws {
        let nested = Mutex<(@Sendable () -> Void)?>(nil)
        let limit = try AdaptiveLimit(
            AdaptiveLimitOptions(algorithm: .aimd, initial: 10, window: .milliseconds(10), minimumCalls: 1),
            time: clock.source
        ) { _ in
            // The second change is made and told before the first one's turn has come.
            nested.withLock { action in
                defer { action = nil }
                return action
            }?()
        }
        let shedder = try LoadShedder(LoadShedderOptions(limit: .adaptive), adaptiveLimit: limit, time: clock.source)
        let clock = clock
        @Sendable func drop() {
            for _ in 0..<2 {
                guard let permit = try? limit.acquire() else { return }
                clock.advance(by: .milliseconds(20))
                permit.end(.dropped)
            }
        }
        nested.withLock { $0 = drop }
        drop()
        #expect(limit.status.limit == 8)
        #expect(shedder.status.limit == 8)
    }

    @Test(
        "in a storm of cancellations every caller is answered once and no more calls are under way than the limit",
        .timeLimit(.minutes(1)), arguments: Seeds.some(4))
    func storm(seed: UInt64) async throws {
        let limit = try AdaptiveLimit(
            AdaptiveLimitOptions(
                algorithm: .aimd, initial: 3, maximum: 3, queue: 40, maximumWait: .milliseconds(3)), seed: seed)
        let level = Level()
        let ended = await withTaskGroup(of: Int.self) { group in
            for index in 0..<400 {
                group.addTask {
                    var random = SplitMix64(seed: seed &+ UInt64(index))
                    let (yields, gap) = (random.int(in: 0...6), random.int(in: 0...20))
                    let call = Task {
                        try await limit.run {
                            level.rise()
                            defer { level.fall() }
                            for _ in 0..<yields { await Task.yield() }
                        }
                    }
                    for _ in 0..<gap { await Task.yield() }
                    if random.chance(0.6) { call.cancel() }
                    _ = await call.result
                    return 1
                }
            }
            return await group.reduce(0, +)
        }
        #expect(ended == 400 && level.highest <= 3, "seed \(seed)")
        #expect(limit.status.inFlight == 0 && limit.status.queued == 0, "seed \(seed)")
    }

    @Test("takes an algorithm of one's own")
    func ownAlgorithm() throws {
        struct Fixed: LimitAlgorithm {
            var limit: Int { 1 }
            mutating func update(_ sample: LimitSample) {}
            mutating func configure(_ bounds: LimitBounds) {}
        }
        let limit = try AdaptiveLimit(algorithm: Fixed(), time: clock.source)
        let permit = try limit.acquire()
        #expect(throws: Rejection(.limitReached)) { _ = try limit.acquire() }
        permit.end(.completed)
    }

    @Test("who had to wait because of a probe goes in when the probe is over, also when nothing else happens")
    func waitsForProbe() async throws {
        let probe = AdaptiveLimitOptions.Probe(interval: .seconds(10), limit: 1, maximumDuration: .milliseconds(100))
        let limit = try AdaptiveLimit(
            AdaptiveLimitOptions(algorithm: .vegas, initial: 5, probe: probe, queue: 4, maximumWait: .seconds(30)),
            time: clock.source, seed: 1, onEvent: events.record)
        let hanging = try limit.acquire()
        // The interval is spread by at most 15 %.
        clock.advance(by: .seconds(12))
        let waiting = Task { try await limit.acquire(deadline: nil).end(.ignored) }
        try await waitUntil("it waits for the probe") { limit.status.queued == 1 && clock.sleeperCount == 1 }
        #expect(limit.status.isProbing)
        clock.advance(by: .milliseconds(100))
        try await waitUntil("it is let in", within: .seconds(5)) { limit.status.queued == 0 }
        try await waiting.value
        #expect(events.all == [.waited(.milliseconds(100))])
        hanging.end(.ignored)
    }
}
