// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Testing

@testable import Stations

@Suite("Service times")
struct ServiceTimeTests {
    @Test(
        "every word is read, and written as it is read",
        arguments: ServiceTime.examples + [
            "uniform(1ms, 1ms)", "lognormal(5ms, 0)", "table(0% 1ms, 100% 2ms)", "fixed(0s)",
            "mix(99.9% exp(100us), 0.1% mix(50% fixed(1ms), 50% hyperexp(10ms, 2.5)))",
        ])
    func roundTrip(text: String) throws {
        let time = try ServiceTime(text: text)
        #expect(try ServiceTime(text: time.description) == time)
    }

    @Test("a bare duration is a fixed time")
    func bareDuration() throws { #expect(try ServiceTime(text: "5ms") == .fixed(5e6)) }

    @Test(
        "what is no service time is refused with a reason",
        arguments: [
            ("", "no service time"), ("fast", "write for example exp(5ms)"), ("exp", "known: fixed"),
            ("expo(5ms)", "there is no service time 'expo'"), ("exp()", "not a duration"), ("exp(5)", "no unit"),
            ("exp(0s)", "longer than 0"), ("exp(5ms, 2)", "written like exp(5ms)"), ("exp(5ms", "no service time"),
            ("uniform(8ms, 2ms)", "ascending order"), ("hyperexp(5ms, 0.5)", "between 1 and 10000"),
            ("lognormal(5ms, -1)", "not a number"), ("lognormal(5ms, inf)", "not a number"),
            ("mix(50% 5ms, 49% 1ms)", "these to 99%"), ("mix(5ms, 1ms)", "has no share"),
            ("mix(100% mix(100% mix(100% mix(100% 1ms))))", "three deep"), ("table(mine)", "known: tail-at-scale"),
            ("table(50% 1ms, 100% 2ms)", "begin at 0%"), ("table(0% 2ms, 100% 1ms)", "ascend"),
            ("table(0% 1ms)", "ascend"), ("mix(101% 1ms)", "between 0 and 100"),
            (String(repeating: "mix(", count: 600), "2048 bytes"), ("5 parsecs", "unknown unit"),
        ])
    func refused(text: String, reason: String) throws {
        let error = #expect(throws: ServiceTime.Malformed.self) { try ServiceTime(text: text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    /// Mean and C² of 30,000 draws against the closed forms. The tolerances are four standard errors of distributions
    /// whose fourth moment is finite; those with heavier tails are compared by their mean.
    @Test(
        "draws have the mean and the variation that the words promise",
        arguments: [
            ("fixed(5ms)", 0.0, 0.0), ("uniform(2ms, 8ms)", 0.009, 0.03), ("exp(5ms)", 0.025, 0.08),
            ("hyperexp(5ms, 8)", 0.07, 0.25), ("lognormal(5ms, 0.5)", 0.02, 0.15),
            ("mix(90% 1ms, 10% exp(10ms))", 0.05, 0.25),
            ("table(0% 1ms, 50% 4ms, 99% 30ms, 100% 200ms)", 0.04, 0.25),
        ])
    func moments(text: String, meanTolerance: Double, variationTolerance: Double) throws {
        let time = try ServiceTime(text: text)
        var generator = SeededGenerator(seed: 11)
        let draws = (0..<30_000).map { _ in Double(time.sample(using: &generator)) }
        let mean = draws.reduce(0, +) / Double(draws.count)
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws.count)
        #expect(abs(mean / time.mean - 1) <= meanTolerance)
        let variation = variance / (mean * mean)
        #expect(abs(variation - time.squaredVariation) <= variationTolerance * max(1, time.squaredVariation))
    }

    @Test("a table has the quantiles that it names")
    func quantiles() throws {
        let time = try ServiceTime(text: "table(0% 1ms, 50% 4ms, 99% 30ms, 100% 200ms)")
        guard case .table(let table) = time else {
            Issue.record("not a table")
            return
        }
        for (survivor, milliseconds) in [(1.0, 1.0), (0.5, 4), (0.01, 30), (0.005, 115), (0, 200)] {
            #expect(abs(table.value(survivor: survivor) / 1e6 - milliseconds) < 1e-6)
        }
    }

    /// n = 100 calls at once: P(max > t) = 1 − (1 − F̄(t))ⁿ. Without a second request the 99.9th percentile is 1,800
    /// ms; with one after 10 ms, F̄(t)·F̄(t − 10 ms), it is 74.2 ms.
    @Test("the leaf of The Tail at Scale shows its numbers")
    func tailAtScale() {
        let table = QuantileTable.tailAtScale
        func survivor(_ milliseconds: Double) -> Double {
            // Inverse of a monotone function, by bisection on the survivor.
            var (low, high) = (1e-7, 1.0)
            for _ in 0..<200 {
                let middle = (low * high).squareRoot()
                if table.value(survivor: middle) / 1e6 > milliseconds { low = middle } else { high = middle }
            }
            return low
        }
        func fanOut(_ leaf: (Double) -> Double, exceeds share: Double) -> Double {
            var (low, high) = (1.0, 10_000.0)
            for _ in 0..<60 {
                let middle = (low + high) / 2
                // 1 − (1 − p)ⁿ without cancellation is close to n·p for the small p here; computed exactly below.
                let all = 1 - (0..<100).reduce(1.0) { product, _ in product * (1 - leaf(middle)) }
                if all > share { low = middle } else { high = middle }
            }
            return low
        }
        #expect(abs(fanOut(survivor, exceeds: 0.001) / 1_800 - 1) < 0.01)
        let hedged = { (t: Double) in t <= 10 ? survivor(t) : survivor(t) * survivor(max(1, t - 10)) }
        #expect(abs(fanOut(hedged, exceeds: 0.001) / 74.2 - 1) < 0.02)
    }

    @Test("queues are read and written", arguments: ["fifo", "lifo", "fifo(100)", "lifo(0)", "fifo(1000000)"])
    func queues(text: String) throws { #expect(try #require(QueueDiscipline(text: text)).description == text) }

    @Test(
        "what is no queue is refused",
        arguments: [
            "", "FIFO", "fifo()", "fifo(-1)", "fifo(1", "fifo(1000001)", "fifo(1)x", "fifo(99999999999999999999)",
        ])
    func badQueues(text: String) { #expect(QueueDiscipline(text: text) == nil) }
}
