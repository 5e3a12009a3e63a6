// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Experiments

@Suite("The search for the capacity")
struct CapacitySearchTests {
    private typealias Search = CapacitySearch

    /// Plays a search against a system; every rate that was measured, in order.
    private func play(
        _ options: CapacitySearch.Options, _ system: (Double) -> CapacitySearch.Outcome
    ) -> (search: CapacitySearch, rates: [Double]) {
        var search = CapacitySearch(options)
        var rates: [Double] = []
        while case .measure(let rate) = search.next {
            rates.append(rate)
            guard rates.count <= search.mostMeasurements else { break }
            search.record(system(rate), at: rate)
        }
        return (search, rates)
    }

    @Test("doubles until it fails, halves the bracket, looks above it and confirms its ends")
    func course() {
        let (search, rates) = play(.init(from: 50, to: 5000, precision: 0.1, repeats: 3)) { $0 <= 430 ? .met : .missed }
        #expect(
            rates
                == [50, 50, 100, 100, 200, 200, 400, 400, 800, 800, 566, 566, 476, 476, 436, 436, 400, 436]
                .map(Double.init))
        #expect(search.end == .bracketed)
        #expect(search.passing == .init(rate: 400, met: 3, missed: 0))
        #expect(search.failing == .init(rate: 436, met: 0, missed: 3))
        #expect(search.inversions.isEmpty)
    }

    @Test("brackets the capacity of any monotonic system within its precision", arguments: Seeds.some(200))
    func monotonic(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let from = Double.random(in: 0.5...500, using: &random)
        let options = CapacitySearch.Options(
            from: from, to: from * Double.random(in: 1...300, using: &random),
            precision: Double.random(in: 0.005...0.5, using: &random), repeats: Int.random(in: 1...5, using: &random))
        let capacity = Double.random(in: options.from * 0.5...options.to * 1.5, using: &random)
        let (search, rates) = play(options) { $0 <= capacity ? .met : .missed }
        #expect(rates.count <= search.mostMeasurements, "\(options)")
        #expect(rates.allSatisfy { options.from <= $0 && $0 <= options.to * 1.005 }, "\(options)")
        #expect(search.inversions.isEmpty)
        switch search.end {
        case .aboveRange: #expect(capacity >= options.to)
        case .belowRange: #expect(capacity < options.from)
        case .bracketed:
            guard let low = search.passing, let high = search.failing else {
                Issue.record("a bracket has two ends")
                return
            }
            #expect(low.rate <= capacity && capacity < high.rate)
            // The rates have three digits.
            #expect(high.rate <= low.rate * (1 + options.precision) * 1.011, "\(options)")
            #expect(low.measured == options.repeats && high.measured == options.repeats)
        case .invalid, nil: Issue.record("\(String(describing: search.end))")
        }
    }

    @Test(
        "comes close to the capacity of a noisy system, and says where repetitions disagree", arguments: Seeds.some(60))
    func noisy(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        // Between 380 and 420 it depends on luck.
        let (search, rates) = play(.init(from: 50, to: 5000, precision: 0.05, repeats: 5)) { rate in
            rate < 380 || (rate < 420 && Bool.random(using: &random)) ? .met : .missed
        }
        #expect(rates.count <= search.mostMeasurements)
        #expect(search.end == .bracketed)
        #expect((350...420).contains(search.passing?.rate ?? 0))
        #expect((380...450).contains(search.failing?.rate ?? 0))
        #expect(search.mixed.allSatisfy { (380..<420).contains($0.rate) })
        #expect(search.inversions.allSatisfy { (380..<420).contains($0.missedAt) && $0.metAt < 420 })
    }

    @Test("ends in bounded time whatever a flapping system answers", arguments: Seeds.some(200))
    func flapping(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let options = CapacitySearch.Options(
            from: 10, to: Double.random(in: 10...10_000, using: &random),
            precision: Double.random(in: 0.01...0.5, using: &random), repeats: Int.random(in: 1...4, using: &random))
        let share = Double.random(in: 0...1, using: &random)
        let spoil = Double.random(in: 0...0.3, using: &random)
        let (search, rates) = play(options) { _ in
            if Double.random(in: 0...1, using: &random) < spoil { return .invalid("slow") }
            return Double.random(in: 0...1, using: &random) < share ? .met : .missed
        }
        #expect(search.end != nil && rates.count <= search.mostMeasurements)
        if let low = search.passing, let high = search.failing { #expect(low.rate < high.rate) }
    }

    @Test("answers with the lower limit of a system that recovers at higher rates, and notices it")
    func hole() {
        let (search, _) = play(.init(from: 50, to: 1000, precision: 0.1, repeats: 1)) { rate in
            (195...260).contains(rate) ? .missed : .met
        }
        #expect(search.end == .bracketed)
        #expect((178..<195).contains(search.passing?.rate ?? 0))
        #expect(search.inversions.contains { $0.metAt > $0.missedAt })
    }

    @Test("of a system that always passes ends at the highest rate, of one that never passes at the lowest")
    func extremes() {
        let always = play(.init(from: 50, to: 300, repeats: 3)) { _ in .met }
        #expect(always.search.end == .aboveRange)
        #expect(always.rates == [50, 50, 100, 100, 200, 200, 300, 300, 300].map(Double.init))
        let never = play(.init(from: 50, to: 300, repeats: 3)) { _ in .missed }
        #expect(never.search.end == .belowRange)
        #expect(never.rates == [50, 50, 50].map(Double.init))
    }

    @Test("never takes an invalid measurement for a miss: it repeats it once, then ends with what it knows")
    func invalid() {
        var first = true
        let once = play(.init(from: 50, to: 400, repeats: 1)) { rate in
            defer { if rate == 200 { first = false } }
            return rate == 200 && first ? .invalid("late") : rate < 300 ? .met : .missed
        }
        #expect(once.search.end == .bracketed)
        let always = play(.init(from: 50, to: 5000, repeats: 3)) { $0 > 300 ? .invalid("late") : .met }
        #expect(always.search.end == .invalid(rate: 400, reason: "late"))
        #expect(always.search.passing?.rate == 200)
        #expect(always.search.failing == nil)
        #expect(always.rates.suffix(2) == [400, 400])
    }
}
