// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Measurement
import Testing

@testable import LoadGenerator

@Suite("Generator verdict")
struct GeneratorVerdictTests {
    private static let millisecond: UInt64 = 1_000_000

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// p99 of the generator's own lateness and of the response time, in milliseconds.
        var lag: UInt64 = 0
        var response: UInt64 = 100
        /// p99 of the canary, in milliseconds.
        var canary: UInt64 = 0
        var steal = 0.0
        var throttled = 0.0
        var failures: [FailureKey: UInt64] = [:]
        /// Longest stall, in milliseconds, among many short ones.
        var stall: UInt64 = 0
        var busy = 0.0
        var arrivals = GeneratorHealth.ArrivalCount()
        var descriptors = 0
        var ports = 0
        var isBalanced = true
        var verdict: GeneratorHealth.Verdict
        var words = ""
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "nothing unusual", verdict: .valid),
        Case(
            name: "late by more than a millisecond", lag: 3, verdict: .degraded,
            words: "more than 3.0 ms after their time"),
        Case(
            name: "late, and the response time is mostly that", lag: 40, verdict: .invalid,
            words: "40 % of the p99 response time"),
        Case(name: "late, but the response time is far longer", lag: 40, response: 4_000, verdict: .degraded),
        Case(
            name: "an echo takes as long as the answers", response: 12, canary: 6, verdict: .degraded,
            words: "an echo inside the generator took 6.0 ms at p99, where the p99 response time is 12.0 ms"),
        Case(name: "an echo is slow, the answers far slower", response: 100, canary: 6, verdict: .valid),
        Case(name: "some steal", steal: 0.03, verdict: .degraded, words: "took 3.0 % of this machine's CPU time"),
        Case(name: "much steal", steal: 0.3, verdict: .invalid),
        Case(name: "throttled now and then", throttled: 0.5, verdict: .degraded, words: "5.0 % of the time"),
        Case(name: "throttled a lot", throttled: 4, verdict: .invalid),
        Case(
            name: "out of ports", failures: [FailureKey(step: 0, cause: .connect(EADDRNOTAVAIL)): 12],
            verdict: .invalid,
            words: "12 requests failed in the generator itself"),
        Case(
            name: "the target refuses", failures: [FailureKey(step: 0, cause: .connect(ECONNREFUSED)): 12],
            verdict: .valid),
        Case(
            name: "too many in flight", arrivals: .init(due: 1_000, heldBack: 3), verdict: .degraded,
            words: "3 requests waited because too many were in flight"),
        Case(name: "a rate missed by little", arrivals: .init(due: 1_000, missed: 10), verdict: .valid),
        Case(
            name: "arrivals that the cut of a short run found just come due", arrivals: .init(due: 20, missed: 2),
            verdict: .valid),
        Case(
            name: "a rate that was not reached", arrivals: .init(due: 1_000, missed: 11), verdict: .invalid,
            words: "the rate was not reached: 11 of 1000 arrivals, 1.1 %"),
        Case(name: "a stall that anybody has", stall: 90, verdict: .valid),
        Case(
            name: "one long stall", stall: 1_000, verdict: .degraded,
            words: "(1 times for more than 100.0 ms): the longest response times are its own"),
        Case(name: "half busy", busy: 0.5, verdict: .valid),
        Case(name: "busy nearly all of the time", busy: 0.93, verdict: .degraded, words: "busy for 93.0 % of the time"),
        Case(
            name: "hardly any descriptors left", descriptors: 950, verdict: .degraded,
            words: "950 of 1000 file descriptors"),
        Case(name: "hardly any ports left", ports: 28_000, verdict: .degraded, words: "28000 of 30000 local ports"),
        Case(name: "a request without an outcome", isBalanced: false, verdict: .invalid, words: "don't balance"),
    ]

    @Test("a run is believed as far as the generator's own part allows", arguments: cases)
    func verdicts(expected: Case) {
        var lag = LatencyHistogram()
        var response = LatencyHistogram()
        var canary = LatencyHistogram()
        canary.record(expected.canary * Self.millisecond, count: 100)
        lag.record(expected.lag * Self.millisecond, count: 100)
        response.record(expected.response * Self.millisecond, count: 100)
        var accounting = Accounting()
        accounting.scheduled = expected.isBalanced ? 100 : 101
        accounting.byOutcome = [.ok: 100]
        var stalls = LatencyHistogram()
        stalls.record(10_000, count: 1_000_000)
        if expected.stall > 0 { stalls.record(expected.stall * Self.millisecond) }
        let verdict = GeneratorVerdict(
            GeneratorObservation(
                lag: lag, canary: canary, stalls: stalls, responseTime: response, steal: expected.steal,
                throttledSeconds: expected.throttled, seconds: 10, busyShare: expected.busy,
                arrivals: expected.arrivals, fileDescriptors: .init(most: expected.descriptors, limit: 1_000),
                localPorts: .init(most: expected.ports, limit: 30_000), accounting: accounting,
                failures: expected.failures))
        #expect(verdict.verdict == expected.verdict)
        #expect(verdict.reasons.isEmpty == (expected.verdict == .valid))
        #expect(verdict.reasons.joined().contains(expected.words) || expected.words.isEmpty, "\(verdict.reasons)")
    }

    @Test("the worst finding decides, and all are named")
    func combined() {
        let verdict = GeneratorVerdict(GeneratorObservation(steal: 0.5, throttledSeconds: 0.2, seconds: 10))
        #expect(verdict.verdict == .invalid && verdict.reasons.count == 2)
    }

    @Test("a run of which something was lost is worthless")
    func lost() {
        let verdict = GeneratorVerdict(GeneratorObservation(lostSeconds: 3, loss: "it ends early"))
        #expect(verdict.verdict == .invalid)
        #expect(
            verdict.reasons == [
                "requests of 3 seconds are missing, which could not be read back from a temporary file: it ends early"
            ])
    }
}

@Suite("Request bytes")
struct RequestWriterTests {
    private func write(_ text: String, _ escaping: Escaping) -> String {
        var output = RawBytes()
        defer { output.free() }
        Array(text.utf8).withUnsafeBytes { output.append($0, escaping) }
        return String(decoding: output.bytes, as: UTF8.self)
    }

    @Test("values are made safe for their place")
    func escaping() {
        #expect(write("a b/ü?&=~._-", .percent) == "a%20b%2F%C3%BC%3F%26%3D~._-")
        #expect(write("/v1/x?a=b c\r\nx: y", .url) == "/v1/x?a=b%20c%0D%0Ax:%20y")
        #expect(write("one\r\ninjected: two\u{7f}\0", .header) == "oneinjected: two")
        #expect(write("\"\\\n\u{1f}é", .json) == "\\\"\\\\\\u000a\\u001fé")
        #expect(write("as it is\r\n", .none) == "as it is\r\n")
    }

    @Test("functions write the same whatever stands before them")
    func functions() {
        var output = RawBytes()
        defer { output.free() }
        for length in [0, 1, 2, 3, 255, 256, 5_000] {
            output.removeAll()
            let text = String(repeating: "\u{ff}~?", count: length)
            output.append(UInt8(ascii: "<"))
            Array(text.utf8).withUnsafeBytes { output.append($0) }
            output.replaceEnd(from: 1, growingBy: 4) { $0.appendBase64($1, .percent) }
            output.append(UInt8(ascii: ">"))
            let expected = Data(text.utf8).base64EncodedString().replacing("+", with: "%2B").replacing("/", with: "%2F")
                .replacing("=", with: "%3D")
            #expect(String(decoding: output.bytes, as: UTF8.self) == "<\(expected)>")
        }
        output.removeAll()
        output.appendNow(.iso, .percent)
        #expect(
            String(decoding: output.bytes, as: UTF8.self).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A[\d.]+Z/) != nil
        )
    }

    @Test("decimal numbers", arguments: [0, 7, 10, 4_294_967_296, .max] as [UInt64])
    func decimal(value: UInt64) {
        var output = RawBytes()
        defer { output.free() }
        output.append(decimal: value)
        #expect(String(decoding: output.bytes, as: UTF8.self) == "\(value)")
    }

    @Test("a Zipf draw follows its weights, a uniform one treats rows alike")
    func draws() {
        let rows = (0..<20).map { ["\($0)"] }
        func counts(_ draw: Plan.Table.Draw) -> [Int] {
            let arena = Arena()
            let table = CompiledTable(.init(name: "t", columns: ["a"], rows: rows, draw: draw), arena)
            var random = SeededRandom(seed: 4)
            var counts = [Int](repeating: 0, count: rows.count)
            for _ in 0..<40_000 { counts[Int(table.draw(&random))] += 1 }
            return counts
        }
        let weights = (1...20).map { 1 / Double($0) }
        let sum = weights.reduce(0, +)
        for (row, count) in counts(.zipf(exponent: 1)).enumerated() {
            let expected = 40_000 * weights[row] / sum
            #expect(abs(Double(count) - expected) < 5 * expected.squareRoot(), "row \(row)")
        }
        #expect(counts(.uniform).allSatisfy { abs(Double($0) - 2_000) < 5 * 45 })
    }
}
