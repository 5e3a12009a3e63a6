// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("A load shedder")
struct LoadShedderTests {
    private let clock = ManualClock()
    private let events = EventRecorder<LoadShedderEvent>()

    private func shedder(limit: Int = 1, queue: Int = 4, mode: PolicyMode = .enforced) throws -> LoadShedder {
        try LoadShedder(
            LoadShedderOptions(limit: .fixed(limit), queue: AdmissionQueueOptions(capacity: queue)), mode: mode,
            time: clock.source,
            onEvent: events.record)
    }

    /// How a call ends that holds its place until `release` is called on the clock.
    private func outcome(
        _ shedder: LoadShedder, _ criticality: Criticality = .critical, deadline: MonotonicInstant? = nil
    )
        async -> String
    {
        do throws(ResilienceError<Never>) {
            let permit = try await shedder.acquire(criticality, deadline: deadline)
            permit.release()
            return "served"
        } catch {
            return error.rejection?.reason.label ?? "cancelled"
        }
    }

    @Test("hands a place that becomes free to the one who waits")
    func handsOver() async throws {
        let shedder = try shedder()
        let first = try await shedder.acquire()
        async let second = outcome(shedder)
        try await waitUntil("the second waits") { shedder.status.queued == 1 }
        #expect(shedder.status.inFlight == 1)
        clock.advance(by: .milliseconds(3))
        first.release()
        #expect(await second == "served")
        #expect(shedder.status.inFlight == 0)
        #expect(events.all == [.waited(.milliseconds(3), .critical)])
    }

    @Test("drops who has waited too long, and who expires in the queue, without a place becoming free")
    func timers() async throws {
        let shedder = try shedder()
        let first = try await shedder.acquire()
        async let expiring = outcome(shedder, deadline: clock.now.advanced(by: .milliseconds(10)))
        try await waitUntil("it waits") { shedder.status.queued == 1 }
        async let waiting = outcome(shedder)
        try await waitUntil("both wait") { shedder.status.queued == 2 && clock.sleeperCount == 1 }
        clock.advance(by: .milliseconds(10))
        #expect(await expiring == "deadline")
        try await waitUntil("the timer is set") { clock.sleeperCount == 1 }
        clock.advance(by: .milliseconds(90))
        #expect(await waiting == "queue_timeout")
        first.release()
        #expect(shedder.status == .init(inFlight: 0, limit: 1, queued: 0, threshold: 0))
    }

    @Test("a more critical call takes the place in the queue of a less critical one")
    func replaces() async throws {
        let shedder = try shedder(queue: 1)
        let first = try await shedder.acquire()
        async let batch = outcome(shedder, .sheddable)
        try await waitUntil("it waits") { shedder.status.queued == 1 }
        async let payment = outcome(shedder, .criticalPlus)
        #expect(await batch == "shed")
        first.release()
        #expect(await payment == "served")
    }

    @Test("a cancelled waiter leaves the queue")
    func cancellation() async throws {
        let shedder = try shedder()
        let first = try await shedder.acquire()
        let waiting = Task { await outcome(shedder) }
        try await waitUntil("it waits") { shedder.status.queued == 1 }
        waiting.cancel()
        #expect(await waiting.value == "cancelled")
        #expect(shedder.status.queued == 0)
        first.release()
        #expect(shedder.status.inFlight == 0)
    }

    @Test("a permit that is dropped gives its place back")
    func dropped() async throws {
        let shedder = try shedder()
        do {
            let permit = try await shedder.acquire()
            _ = permit
        }
        #expect(shedder.status.inFlight == 0)
    }

    @Test("shadow lets everything in and reports; leaving enforced lets the waiters in")
    func modes() async throws {
        let shedder = try shedder(limit: 1, queue: 0, mode: .shadow)
        let first = try await shedder.acquire()
        let second = try await shedder.acquire()
        #expect(events.all == [.rejected(.shed, .critical, shadow: true)])
        try shedder.configure(["queue": 4, "mode": "enforced"])
        async let third = outcome(shedder)
        try await waitUntil("it waits") { shedder.status.queued == 1 }
        try shedder.configure("shadow")
        #expect(await third == "served")
        first.release()
        second.release()
        #expect(shedder.status.inFlight == 0)
    }

    @Test("no place is lost and nobody is forgotten in a storm of cancellations", arguments: [UInt64(61), 62, 63])
    func storm(seed: UInt64) async throws {
        let shedder = try LoadShedder(LoadShedderOptions(limit: 4, queue: AdmissionQueueOptions(capacity: 50)))
        var random = SplitMix64(seed: seed)
        let level = Level()
        let plans = (0..<400).map { _ in (random.next() % 3_000_000, Criticality.allCases[Int(random.next() % 4)]) }
        let ended = await withTaskGroup(of: Void.self) { group in
            for (delay, criticality) in plans {
                group.addTask {
                    let call = Task {
                        try? await shedder.run(criticality) { () async throws(CancellationError) in
                            level.rise()
                            defer { level.fall() }
                            do { try await Task.sleep(nanoseconds: 200_000) } catch { throw CancellationError() }
                        }
                    }
                    if delay % 2 == 0 {
                        try? await Task.sleep(nanoseconds: delay)
                        call.cancel()
                    }
                    _ = await call.value
                }
            }
            return await group.reduce(into: 0) { count, _ in count += 1 }
        }
        #expect(ended == 400 && level.highest <= 4, "seed \(seed)")
        #expect(shedder.status.inFlight == 0 && shedder.status.queued == 0, "seed \(seed): \(shedder.status)")
    }

    @Test("can't be told to follow an adaptive limit when it has none")
    func nothingToFollow() async throws {
        let shedder = try shedder(limit: 2)
        let adaptive = LoadShedderOptions(limit: .adaptive)
        #expect(throws: ConfigurationFaults.self) { try shedder.configure(adaptive) }
        #expect(throws: ConfigurationFaults.self) { try shedder.configure("adaptive") }
        #expect(shedder.setting.options?.limit == 2)
        #expect(await outcome(shedder) == "served")
        let limit = try AdaptiveLimit(AdaptiveLimitOptions(initial: 7), time: clock.source)
        let follower = try LoadShedder(LoadShedderOptions(limit: 2), adaptiveLimit: limit, time: clock.source)
        try follower.configure(adaptive)
        #expect(follower.status.limit == 7)
    }
}
