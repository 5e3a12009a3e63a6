// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LoadGenerator
internal import Measurement

/// What `seawall bench` prints about a load.
struct BenchSummary: Encodable {
    var verdict: String
    var reasons: [String]
    var scheduled: UInt64
    var completed: UInt64
    var failed: UInt64
    var aborted: UInt64
    var neverStarted: UInt64
    var outcomes: [String: UInt64]
    /// The time over which `completedPerSecond` is counted: as long as load was planned, and no longer than it lasted.
    var seconds: Double
    /// Without what was answered after the end of the load: one answer that is late there would stretch the time, and a
    /// capacity would follow from how long it took.
    var completedPerSecond: Double
    var cpuSeconds: Double
    /// Of the successes.
    var responseTimeMicroseconds: [String: Double]
    /// Of every request, those that never got an answer at their age.
    var responseTimeOfAllMicroseconds: [String: Double]
    /// Of the successes.
    var serviceTimeMicroseconds: [String: Double]
    var scheduleLagP50Microseconds: Double
    var scheduleLagP99Microseconds: Double
    /// An echo inside the generator, beside the load.
    var canaryMicroseconds: [String: Double]
    /// The most of the p99 response time that is the generator's and the machine's own.
    var ownPartP99Microseconds: Double
    var breakdown: [String: Part]
    var connections: Connections
    var failures: [String]

    struct Connections: Encodable {
        var opened: UInt64
        var fullHandshakes: UInt64
        var resumedHandshakes: UInt64
        /// Connections made and failed tries, by address.
        var addresses: [String: [String: UInt64]]
    }

    /// A part of the requests' time, for example `first-byte`.
    struct Part: Encodable {
        /// Requests that got through it, and those that died in it.
        var requests: UInt64
        var died: UInt64
        var microseconds: [String: Double]
    }

    init(_ result: LoadResult) {
        let accounting = result.accounting
        verdict = result.generator.verdict.rawValue
        reasons = result.generator.reasons
        scheduled = accounting.scheduled
        completed = accounting.completed
        failed = accounting.failed
        aborted = accounting.aborted
        neverStarted = accounting.neverStarted
        outcomes = Dictionary(uniqueKeysWithValues: accounting.byOutcome.map { ($0.key.rawValue, $0.value) })
        (seconds, completedPerSecond) = Self.completionRate(
            result.slices, planned: result.plannedNanoseconds, actual: result.actualNanoseconds)
        cpuSeconds = result.generator.cpuSeconds
        let samples = result.slices.flatMap(\.samples).filter { $0.outcome == .ok }
        responseTimeMicroseconds = Self.quantiles(.merging(samples.map(\.responseTime)))
        responseTimeOfAllMicroseconds = Self.quantiles(
            .merging(result.slices.flatMap(\.samples).map(\.responseTime)))
        serviceTimeMicroseconds = Self.quantiles(.merging(samples.map(\.serviceTime)))
        let lag = LatencyHistogram.merging(result.slices.map(\.scheduleLag))
        scheduleLagP50Microseconds = Self.microseconds(lag.percentile(50))
        scheduleLagP99Microseconds = Self.microseconds(lag.percentile(99))
        canaryMicroseconds = Self.quantiles(result.generator.canary)
        ownPartP99Microseconds = Self.microseconds(result.generator.ownPart(99))
        let parts = Breakdown.merging(result.slices.flatMap(\.breakdown)).first ?? Breakdown(target: "")
        breakdown = Dictionary(
            uniqueKeysWithValues: RequestPart.allCases.compactMap { part in
                let (passed, ended) = (parts.passed[part] ?? .init(), parts.ended[part] ?? .init())
                if passed.isEmpty && ended.isEmpty { return nil }
                return (
                    part.rawValue,
                    Part(requests: passed.count, died: ended.count, microseconds: Self.quantiles(passed))
                )
            })
        connections = Connections(
            opened: accounting.connectionsOpened, fullHandshakes: accounting.tlsFull,
            resumedHandshakes: accounting.tlsResumed,
            addresses: Dictionary(
                result.addresses.map { ($0.address, ["opened": $0.opened, "failed": $0.failed]) },
                uniquingKeysWith: { first, _ in first }))
        failures = result.failureSamples.map { "\($0.message) (\($0.count) times)" }
    }

    /// Whole seconds, because that is how ends of requests are counted.
    static func completionRate(
        _ slices: [Slice], planned: UInt64, actual: UInt64
    ) -> (seconds: Double, perSecond: Double) {
        let second: UInt64 = 1_000_000_000
        let end = (planned + second - 1) / second
        let seconds = Double(min(actual, end * second)) / 1e9
        let completed = slices.filter { $0.second < end }.flatMap(\.ended)
            .reduce(UInt64(0)) { $1.key.isCompleted ? $0 + $1.value : $0 }
        return (seconds, seconds > 0 ? Double(completed) / seconds : 0)
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    func text(closed: Bool) -> String {
        func row(_ name: String, _ values: [String: Double]) -> String {
            let columns = ["p50", "p90", "p99", "p99.9", "max"].map { key in
                "\(key) " + (values[key].map { String(format: "%.0f µs", $0) } ?? "-")
            }
            return "  \(name.padding(toLength: 15, withPad: " ", startingAt: 0))\(columns.joined(separator: "  "))"
        }
        var lines = ["\(verdict)\(closed ? "  (closed loop: a capacity figure; latencies are service times)" : "")"]
        lines += reasons.map { "  \($0)" }
        lines.append(
            "  scheduled \(scheduled) = completed \(completed) + failed \(failed) + aborted \(aborted)"
                + " + never started \(neverStarted)")
        lines.append(
            String(
                format: "  %.1f completed a second over %.2f s; generator CPU %.2f s", completedPerSecond, seconds,
                cpuSeconds))
        if !closed { lines.append(row("response time", responseTimeMicroseconds)) }
        // In a closed loop too: how long its requests waited for an answer that never came.
        if !closed || completed < scheduled
            || outcomes.contains(where: { $0.key != Outcome.ok.rawValue && $0.value > 0 })
        {
            lines.append(row("  all outcomes", responseTimeOfAllMicroseconds))
        }
        lines.append(row("service time", serviceTimeMicroseconds))
        lines.append(
            String(
                format: "  schedule lag   p50 %.0f µs  p99 %.0f µs", scheduleLagP50Microseconds,
                scheduleLagP99Microseconds))
        lines.append(row("canary", canaryMicroseconds))
        lines.append(
            String(format: "  the generator's own part of the p99: at most %.0f µs", ownPartP99Microseconds))
        let handshakes =
            connections.fullHandshakes + connections.resumedHandshakes > 0
            ? "; TLS handshakes: \(connections.fullHandshakes) full, \(connections.resumedHandshakes) resumed" : ""
        lines.append("  \(connections.opened) connections made\(handshakes)")
        if connections.addresses.count > 1 {
            lines += connections.addresses.sorted { $0.key < $1.key }.map {
                "  - \($0.key): \($0.value["opened"] ?? 0) made, \($0.value["failed"] ?? 0) tries failed"
            }
        }
        for part in RequestPart.allCases {
            guard let values = breakdown[part.rawValue] else { continue }
            let died = values.died > 0 ? "  died in it: \(values.died)" : ""
            lines.append(row("- " + part.rawValue, values.microseconds) + died)
        }
        lines += outcomes.sorted { $0.key < $1.key }.filter { $0.key != Outcome.ok.rawValue && $0.value > 0 }
            .map { "  \($0.key): \($0.value)" }
        lines += failures.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    private static func quantiles(_ histogram: LatencyHistogram) -> [String: Double] {
        var values: [String: Double] = [:]
        for (name, percentile) in [("p50", 50.0), ("p90", 90), ("p99", 99), ("p99.9", 99.9)] {
            values[name] = histogram.percentile(percentile).map { Double($0) / 1e3 }
        }
        values["max"] = histogram.max.map { Double($0) / 1e3 }
        return values
    }

    private static func microseconds(_ value: UInt64?) -> Double {
        value.map { Double($0) / 1e3 } ?? 0
    }
}
