// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Testing

@Suite("Deciding about requests")
struct FaultDeciderTests {
    private let half = FaultDecider(faults: [ServiceFault(kind: .error(status: 503), rate: 0.5)], seed: 42)

    private func struck(by decider: FaultDecider, of count: UInt64 = 10_000) -> [UInt64] {
        (0..<count).filter { decider.decide(method: "GET", path: "/", number: $0) != .none }
    }

    @Test("a rate strikes its share of the requests")
    func rate() {
        // Binomial with n = 10,000, p = 0.5: five standard deviations are 250.
        #expect(abs(struck(by: half).count - 5_000) < 250)
    }

    @Test("the same seed strikes the same requests, another seed others")
    func seeded() {
        let again = FaultDecider(faults: half.faults, seed: 42)
        let other = FaultDecider(faults: half.faults, seed: 43)
        #expect(struck(by: half) == struck(by: again))
        #expect(struck(by: half) != struck(by: other))
    }

    @Test("a rate of 0 strikes nobody and leaves the decider idle")
    func zero() {
        let decider = FaultDecider(faults: [ServiceFault(kind: .hang, rate: 0)])
        #expect(decider.isIdle)
        #expect(struck(by: decider).isEmpty)
    }

    @Test("a rate of 1 strikes every request of the route and no other")
    func route() throws {
        let route = try #require(RoutePattern("GET /v1/posts/*"))
        let decider = FaultDecider(faults: [ServiceFault(route: route, kind: .hang)])
        #expect(!decider.isIdle)
        #expect(decider.decide(method: "GET", path: "/v1/posts/1", number: 0).outcome == .hang)
        #expect(decider.decide(method: "PUT", path: "/v1/posts/1", number: 0) == .none)
    }

    @Test("delays add up and come before an error")
    func combined() {
        let decider = FaultDecider(faults: [
            ServiceFault(kind: .latency(mean: .milliseconds(10), jitter: .zero)),
            ServiceFault(kind: .latency(mean: .milliseconds(5), jitter: .zero)),
            ServiceFault(kind: .error(status: 500)),
            ServiceFault(kind: .hang),
        ])
        #expect(
            decider.decide(method: "GET", path: "/", number: 1)
                == .init(delay: .milliseconds(15), outcome: .answer(status: 500)))
    }

    @Test("jitter stays within mean ± jitter, around the mean")
    func jitter() {
        let delay = Delay(mean: .milliseconds(800), jitter: .milliseconds(100))
        var random = SeededGenerator(seed: 7)
        let draws = (0..<1_000).map { _ in delay.draw(&random) }
        #expect(draws.allSatisfy { $0 >= .milliseconds(700) && $0 <= .milliseconds(900) })
        // The mean of 1,000 uniform draws has a standard deviation of 58 ms / 31.6 = 1.8 ms.
        let mean = draws.reduce(.zero, +) / 1_000
        #expect(mean > .milliseconds(790) && mean < .milliseconds(810))
    }

    @Test("a fault strikes the same requests whatever faults follow it")
    func independent() {
        let one = FaultDecider(faults: [ServiceFault(kind: .error(status: 503), rate: 0.5)], seed: 42)
        let both = FaultDecider(
            faults: [
                ServiceFault(kind: .error(status: 503), rate: 0.5),
                ServiceFault(kind: .latency(mean: .milliseconds(1), jitter: .zero), rate: 0.5),
            ], seed: 42)
        for number in UInt64(0)..<1_000 {
            let first = one.decide(method: "GET", path: "/", number: number).outcome
            #expect(both.decide(method: "GET", path: "/", number: number).outcome == first)
        }
    }
}
