// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("the live line")
struct LiveLineTests {
    private static func line(
        errors: UInt64 = 0, soFar: UInt64 = 0, phase: String? = nil, breakers: [(pipeline: String, state: String)] = []
    ) -> LiveLine {
        var response = LatencyHistogram()
        response.record(2_000_000, count: 98)
        response.record(250_000_000, count: 2)
        return LiveLine(
            total: 40_000_000_000, elapsed: 7_000_000_000, ratePerSecond: 299, response: response, errors: errors,
            errorsSoFar: soFar, inFlight: 3, phase: phase, breakers: breakers)
    }

    @Test("it says elapsed, rate, percentiles, errors and what is in flight")
    func quiet() {
        #expect(
            Self.line().render(.plain)
                == " 7/40 s    299/s  p50 2.00 ms  p99  250 ms  no errors  in flight 3")
    }

    @Test("it says the phase and the breakers that are not closed")
    func trouble() {
        let breakers = [(pipeline: "post -> user", state: "closed"), (pipeline: "post -> comment", state: "open")]
        #expect(
            Self.line(errors: 4, soFar: 12, phase: "fault", breakers: breakers).render(Style(width: 160))
                == " 7/40 s    299/s  p50 2.00 ms  p99  250 ms  errors 4 (Σ 12)  in flight 3  fault  post -> comment open"
        )
    }

    @Test("it is cut one column short of the terminal, which would wrap it", arguments: [40, 60, 80])
    func narrow(width: Int) {
        let line = Self.line(errors: 4, soFar: 12, phase: "fault: post -> comment: latency 800 ms ± 100 ms")
        #expect(TextWidth.of(line.render(Style(width: width))) <= width - 1)
    }

    @Test("on a terminal it takes the place of the line before; elsewhere each is a line")
    func output() {
        let line = Self.line()
        #expect(line.output(isTerminal: true, .plain) == "\r" + line.render(.plain) + "\u{1B}[K")
        #expect(line.output(isTerminal: false, .plain) == line.render(.plain) + "\n")
    }

    @Test("it is made from a slice, also from one in which nothing happened")
    func slices() {
        let run = SyntheticRun().record()
        let text = LiveLine(run.slices[4], total: run.plannedNanoseconds, errorsSoFar: 0).render(.plain)
        let ended = run.slices[4].ended.values.reduce(0, +)
        #expect(text.hasPrefix(" 5/20 s    \(ended)/s  p50 "))
        let empty = LiveLine(Slice(second: 0), total: 0, errorsSoFar: 0).render(.plain)
        #expect(empty == "1/0 s      0/s  p50       –  p99       –  no errors  in flight 0")
    }
}
