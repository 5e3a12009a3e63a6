// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("the chart kit")
struct ChartTests {
    @Test("ticks of a linear axis are round and inside it")
    func linearTicks() {
        #expect(Scale.linearTicks(0...40, 8) == [0, 5, 10, 15, 20, 25, 30, 35, 40])
        #expect(Scale.linearTicks(0...1, 5).map { Format.axisNumber($0) } == ["0", "0.2", "0.4", "0.6", "0.8", "1"])
        #expect(Scale.linearTicks(3...97, 4) == [50])
        #expect(Scale.linearTicks(0...0, 4) == [0])
    }

    @Test("ticks of a logarithmic axis are 1, 3 or 1, 2, 5 times a power of ten")
    func logarithmicTicks() {
        #expect(Scale(1...100, from: 0, to: 1, logarithmic: true).ticks(8) == [1, 2, 5, 10, 20, 50, 100])
        #expect(
            Scale(1...10_000, from: 0, to: 1, logarithmic: true).ticks(8) == [
                1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000,
            ])
    }

    @Test("a value outside the axis lies on its edge, and no domain divides by nothing")
    func clamping() {
        let scale = Scale(0...10, from: 100, to: 0)
        #expect(scale(-5) == 100)
        #expect(scale(5) == 50)
        #expect(scale(20) == 0)
        #expect(Scale(7...7, from: 0, to: 10)(7).isFinite)
        #expect(Scale(0...0, from: 0, to: 10, logarithmic: true)(0).isFinite)
    }

    @Test("a logarithmic axis reaches from the round value below to the one above")
    func logarithmicDomain() {
        #expect(Scale.logarithmicDomain(1_300_000, 854_000_000) == 1_000_000...1_000_000_000)
        #expect(Scale.logarithmicDomain(0, 0).lowerBound == 1_000)
    }

    @Test("a curve is broken where a value is missing, and a point alone is still drawn")
    func gaps() {
        var plot = Plot(x: 0...10, y: 0...10)
        plot.curve([.init(x: 0, y: 1), .init(x: 1, y: 2), .init(x: 2, y: nil), .init(x: 3, y: 4)], class: "p50")
        let svg = plot.svg(label: "")
        #expect(svg.split(separator: "M").count == 3)
        #expect(svg.contains("h0"))
    }

    @Test("a long run is drawn with several seconds to a column, and loses no request by it")
    func longRun() {
        var run = SyntheticRun(seconds: 2, warmup: 0).record()
        let slice = run.slices[0]
        run.slices = (0..<1_000).map { second in
            var copy = slice
            copy.second = second
            return copy
        }
        run.plannedNanoseconds = 1_000_000_000_000
        run.actualNanoseconds = run.plannedNanoseconds
        let bins = TimeBins(run)
        #expect(bins.width == 5)
        #expect(bins.bins.count == 200)
        #expect(bins.bins.reduce(0) { $0 + $1.due } == 200_000)
    }

    @Test("the tail that columns show follows from how many requests they hold")
    func tail() {
        #expect(TimeBins(SyntheticRun(requestsPerSecond: 200).record()).tailPercent == 99)
        #expect(TimeBins(SyntheticRun(requestsPerSecond: 50).record()).tailPercent == 95)
        #expect(TimeBins(SyntheticRun(requestsPerSecond: 10).record()).tailPercent == nil)
    }

    @Test("slices with numbers that no run can have do not break a chart")
    func absurdSlices() {
        var run = SyntheticRun(seconds: 3, warmup: 0).record()
        run.slices[0].second = -4
        run.slices[1].second = .max
        #expect(TimeBins(run).bins.count == 1)
    }
}
