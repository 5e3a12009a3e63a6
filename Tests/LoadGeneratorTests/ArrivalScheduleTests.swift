// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import LoadGenerator

@Suite("Arrival schedule")
struct ArrivalScheduleTests {
    private func source(
        _ rate: Plan.Source.Rate, _ arrivals: Plan.Source.Arrivals = .uniform, seconds: Double
    ) -> Plan.Source {
        Plan.Source(name: "s", arrivals: arrivals, rate: rate, duration: .seconds(seconds), journeys: [(0, 1)])
    }

    private func arrivals(
        _ source: Plan.Source, seed: UInt64 = 1, stream: UInt64 = 0, worker: Int = 0, of workers: Int = 1
    ) -> [ArrivalSchedule.Arrival] {
        var schedule = ArrivalSchedule(source: source, seed: seed, stream: stream, worker: worker, of: workers)
        var all: [ArrivalSchedule.Arrival] = []
        while let next = schedule.nextArrival() { all.append(next) }
        return all
    }

    @Test(
        "a constant rate puts arrival k at k / rate, without drift",
        arguments: [(3.0, 10.0), (500, 20), (7_919, 3), (0.5, 9), (33_333.3, 2)])
    func constant(rate: Double, seconds: Double) {
        let all = arrivals(source(.constant(perSecond: rate), seconds: seconds))
        #expect(all.count == Int((rate * seconds).rounded(.up)))
        for arrival in all {
            let exact = Double(arrival.number) * 1e9 / rate
            #expect(abs(Double(arrival.nanoseconds) - exact) <= 1)
        }
    }

    @Test("a ramp from zero puts arrival k where the integral of the rate is k")
    func ramp() {
        // 0 to 100/s in 10 s: the count is 5 t², so arrival k comes at √(k / 5).
        let all = arrivals(source(.ramping(start: 0, stages: [(.seconds(10), 100)]), seconds: 10))
        #expect(all.count == 500)
        for arrival in all {
            #expect(abs(Double(arrival.nanoseconds) - (Double(arrival.number) / 5).squareRoot() * 1e9) <= 2)
        }
    }

    @Test("stages join, a stage of zero is silent, and the last target holds to the end")
    func stages() {
        let rate = Plan.Source.Rate.ramping(
            start: 10, stages: [(.seconds(2), 10), (.milliseconds(1), 0), (.seconds(3), 0), (.milliseconds(1), 20)])
        let all = arrivals(source(rate, seconds: 6))
        let times = all.map { Double($0.nanoseconds) / 1e9 }
        #expect(times.filter { $0 < 2 }.count == 20)
        #expect(times.filter { $0 > 2.001 && $0 < 5 }.isEmpty)
        #expect((19...21).contains(times.filter { $0 > 5 }.count))
        #expect(times == times.sorted())
    }

    @Test("a ramp down ends where its rate does")
    func rampDown() {
        let all = arrivals(source(.ramping(start: 100, stages: [(.seconds(10), 0)]), seconds: 20))
        #expect(all.count == 500)
        #expect(all.allSatisfy { $0.nanoseconds <= 10_000_000_000 })
    }

    @Test("rounding adds no arrival at the very end")
    func rounding() {
        // The expected numbers come out above the whole number that they are: 1875.0000000000002 and 31.000000000000004.
        let ramp = source(.ramping(start: 0, stages: [(.seconds(30), 125)]), seconds: 30)
        #expect(arrivals(ramp).count == 1_875)
        #expect(arrivals(source(.constant(perSecond: 124.0 / 60), seconds: 15)).count == 31)
        // What is really left of an arrival counts.
        #expect(arrivals(source(.constant(perSecond: 1_000_000.001), seconds: 1)).count == 1_000_001)
    }

    @Test("workers share one schedule", arguments: [Plan.Source.Arrivals.uniform, .poisson])
    func sharing(kind: Plan.Source.Arrivals) {
        let source = source(.ramping(start: 50, stages: [(.seconds(4), 400)]), kind, seconds: 4)
        let whole = arrivals(source)
        let parts = (0..<3).map { arrivals(source, worker: $0, of: 3) }
        #expect(parts.joined().sorted { $0.number < $1.number } == whole)
        #expect(parts.allSatisfy { abs($0.count - whole.count / 3) <= 1 })
    }

    @Test("Poisson gaps are exponential", arguments: [1, 2, 3, 4] as [UInt64])
    func poissonGaps(seed: UInt64) {
        let all = arrivals(source(.constant(perSecond: 1000), .poisson, seconds: 20), seed: seed)
        // Standard deviation of the count is √20000 ≈ 141.
        #expect(abs(all.count - 20_000) < 5 * 141)
        let gaps = zip(all, all.dropFirst()).map { Double($1.nanoseconds - $0.nanoseconds) / 1e6 }.sorted()
        // Kolmogorov–Smirnov against 1 − e^−x; 1.95/√n is exceeded once in a thousand samples.
        var distance = 0.0
        for (index, gap) in gaps.enumerated() {
            let empirical = (Double(index) + 0.5) / Double(gaps.count)
            distance = max(distance, abs(empirical - (1 - exp(-gap))))
        }
        #expect(distance < 1.95 / Double(gaps.count).squareRoot())
    }

    @Test("Poisson arrivals follow a ramp's integral")
    func poissonRamp() {
        let all = arrivals(source(.ramping(start: 0, stages: [(.seconds(10), 2000)]), .poisson, seconds: 10), seed: 5)
        let firstHalf = all.count { $0.nanoseconds < 5_000_000_000 }
        #expect(abs(all.count - 10_000) < 500)
        #expect(abs(firstHalf - 2_500) < 250)
    }

    @Test("the same seed gives the same arrivals; another seed or source gives others")
    func seeds() {
        let source = source(.constant(perSecond: 200), .poisson, seconds: 5)
        #expect(arrivals(source, seed: 9) == arrivals(source, seed: 9))
        #expect(arrivals(source, seed: 9) != arrivals(source, seed: 10))
        #expect(arrivals(source, seed: 9) != arrivals(source, seed: 9, stream: 1))
    }

    @Test("a start offset shifts every arrival")
    func offset() {
        var shifted = source(.constant(perSecond: 10), seconds: 1)
        shifted.startOffset = .seconds(3)
        #expect(arrivals(shifted).map(\.nanoseconds).min() == 3_000_000_000)
        #expect(arrivals(shifted).count == 10)
    }

    @Test("a rate of zero and a closed source have no scheduled arrivals")
    func none() {
        #expect(arrivals(source(.constant(perSecond: 0), seconds: 5)).isEmpty)
        #expect(arrivals(source(.closed(users: 5), seconds: 5)).isEmpty)
    }
}

@Suite("Timer queue")
struct TimerQueueTests {
    @Test("sessions come out in the order of their deadlines, ties in the order of entry")
    func order() {
        var queue = TimerQueue()
        var random = SeededRandom(seed: 3)
        let deadlines = (0..<500).map { _ in random.below(50) }
        for (session, deadline) in deadlines.enumerated() { queue.add(Int32(session), deadline: deadline) }
        #expect(queue.nextDeadline == deadlines.min())
        var popped: [(session: Int32, deadline: UInt64)] = []
        while let next = queue.popDue(40) { popped.append(next) }
        let expected = deadlines.enumerated().filter { $0.element <= 40 }
            .sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }
        #expect(popped.map(\.session) == expected.map { Int32($0.offset) })
        #expect(queue.nextDeadline > 40)
    }
}
