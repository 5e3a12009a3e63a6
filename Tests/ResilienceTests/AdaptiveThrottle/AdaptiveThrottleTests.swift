// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("An adaptive throttle")
struct AdaptiveThrottleTests {
    private struct Broken: Error, Equatable {}

    private let clock = ManualClock()
    private let events = EventRecorder<AdaptiveThrottleEvent>()

    private func throttle(mode: PolicyMode = .enforced) throws -> AdaptiveThrottle {
        try AdaptiveThrottle(
            AdaptiveThrottleOptions(window: .seconds(60), minimumCalls: 10, patience: .zero), mode: mode,
            time: clock.source,
            seed: 7, onEvent: events.record)
    }

    private func fail(_ throttle: AdaptiveThrottle, times: Int) async -> Int {
        var refused = 0
        for _ in 0..<times {
            do throws(ResilienceError<Broken>) {
                try await throttle.run { () async throws(Broken) in throw Broken() }
            } catch {
                if error.rejection == Rejection(.throttled) { refused += 1 }
            }
        }
        return refused
    }

    @Test(
        "refuses most calls of a callee that fails, and lets all through again when it has recovered and the window has passed"
    )
    func throttles() async throws {
        let throttle = try throttle()
        let refused = await fail(throttle, times: 200)
        #expect((130...185).contains(refused), "\(refused)")
        #expect(throttle.status.requests == 200 && throttle.status.accepts == 0)
        #expect(events.all.count == refused)
        clock.advance(by: .seconds(61))
        #expect(throttle.status.rejectionShare == 0)
        try await throttle.run { () async throws(Broken) in }
        #expect(throttle.status.accepts == 1)
    }

    @Test("a permit that is dropped, and a call that its caller cancels, are taken out of the count")
    func ignored() async throws {
        let throttle = try throttle()
        do {
            let permit = try throttle.acquire()
            _ = permit
        }
        #expect(throttle.status.requests == 0)
        let call = Task {
            try await throttle.run { () async throws(CancellationError) in
                do { try await Task.sleep(for: .seconds(60)) } catch { throw CancellationError() }
            }
        }
        call.cancel()
        _ = await call.result
        #expect(throttle.status.requests == 0)
    }

    @Test("shadow refuses nothing and reports, disabled sees nothing, and the counts survive a change")
    func modes() async throws {
        let throttle = try throttle(mode: .shadow)
        #expect(await fail(throttle, times: 100) == 0)
        #expect(!events.all.isEmpty && events.all.allSatisfy { $0 == .rejected(shadow: true) })
        try throttle.configure(["max-rejection": "100%"])
        #expect(throttle.status.requests == 100)
        #expect(throttle.status.rejectionShare > 0.95)
        try throttle.configure(.bool(false))
        #expect(await fail(throttle, times: 100) == 0)
        #expect(throttle.status.requests == 100)
    }
}
