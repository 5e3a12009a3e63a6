// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// What a pipeline's policies counted over a stretch of time.
package struct PolicyTotals: Sendable, Equatable {
    /// Growth of each counter, by its key in ``PolicySample/counters``.
    package var counters: [String: UInt64] = [:]

    package init(_ counters: [String: UInt64] = [:]) { self.counters = counters }

    /// The sum over several pipelines or stretches.
    package init(_ totals: some Sequence<PolicyTotals>) {
        for total in totals { counters.merge(total.counters, uniquingKeysWith: +) }
    }

    package subscript(_ key: String) -> UInt64 { counters[key, default: 0] }

    /// Rejections by reason, most frequent first.
    package var rejections: [(reason: String, count: UInt64)] { reasons("rejected.") }

    /// What policies in shadow mode would have rejected, by reason, most frequent first.
    package var shadowRejections: [(reason: String, count: UInt64)] { reasons("would_reject.") }

    private func reasons(_ prefix: String) -> [(reason: String, count: UInt64)] {
        counters.filter { $0.key.hasPrefix(prefix) && $0.value > 0 }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
            .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    }

    /// The rejections in words, those of shadow mode after them: `12 open, 3 bulkhead-full; shadow: 4 open`.
    var rejectionText: String {
        func list(_ reasons: [(reason: String, count: UInt64)]) -> String {
            reasons.map { "\(Format.count($0.count)) \($0.reason)" }.joined(separator: ", ")
        }
        let shadow = shadowRejections.isEmpty ? "" : "in shadow mode, not enforced: " + list(shadowRejections)
        return [list(rejections), shadow].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// Without how many calls and attempts there were and how they ended.
    var ofPolicies: PolicyTotals {
        let plain: Set = ["calls", "attempts", "successes", "failures", "cancellations"]
        return PolicyTotals(counters.filter { !plain.contains($0.key) })
    }

    package var rejected: UInt64 { rejections.reduce(0) { $0 + $1.count } }

    /// Attempts per call: 1 without retries, below 1 when calls are rejected before their first attempt; nil without calls.
    package var amplification: Double? {
        self["calls"] == 0 ? nil : Double(self["attempts"]) / Double(self["calls"])
    }
}

/// One pipeline's policies over a run, from the samples taken about once a second.
package struct PolicyTimeline: Sendable {
    /// A stretch in which the breaker was seen in one state.
    package struct BreakerSpan: Sendable, Equatable {
        package var state: String
        package var startNanoseconds: UInt64
        package var endNanoseconds: UInt64
    }

    /// What was counted between two samples.
    package struct Interval: Sendable {
        package var startNanoseconds: UInt64
        package var endNanoseconds: UInt64
        package var totals: PolicyTotals
    }

    package var pipeline: String
    package var spans: [BreakerSpan]
    package var intervals: [Interval]

    /// One for each pipeline of the run, by name. Warm-up is part of it: a breaker keeps what it learnt then.
    package static func timelines(of run: RunRecord) -> [PolicyTimeline] {
        Dictionary(grouping: run.policySamples, by: \.pipeline)
            .sorted { $0.key < $1.key }
            .map { PolicyTimeline($0.key, $0.value, until: run.actualNanoseconds) }
    }

    init(_ pipeline: String, _ samples: [PolicySample], until end: UInt64) {
        self.pipeline = pipeline
        spans = []
        intervals = []
        let samples = samples.sorted { $0.atNanoseconds < $1.atNanoseconds }
        for (index, sample) in samples.enumerated() {
            let next =
                index + 1 < samples.count ? samples[index + 1].atNanoseconds : Swift.max(end, sample.atNanoseconds)
            appendSpan(sample, until: next)
            guard index > 0 else { continue }
            let before = samples[index - 1]
            intervals.append(
                Interval(
                    startNanoseconds: before.atNanoseconds, endNanoseconds: sample.atNanoseconds,
                    totals: Self.growth(from: before.counters, to: sample.counters)))
        }
    }

    private mutating func appendSpan(_ sample: PolicySample, until next: UInt64) {
        guard let state = sample.breaker else { return }
        if let last = spans.indices.last, spans[last].state == state,
            spans[last].endNanoseconds == sample.atNanoseconds
        {
            spans[last].endNanoseconds = next
        } else {
            spans.append(BreakerSpan(state: state, startNanoseconds: sample.atNanoseconds, endNanoseconds: next))
        }
    }

    /// Counters only grow, so a smaller value is that of a service which was started again: all of it is new.
    private static func growth(from before: [String: UInt64], to after: [String: UInt64]) -> PolicyTotals {
        var growth: [String: UInt64] = [:]
        for (key, value) in after {
            let old = before[key, default: 0]
            let added = value >= old ? value - old : value
            if added > 0 { growth[key] = added }
        }
        return PolicyTotals(growth)
    }

    /// What was counted in the intervals whose middle lies in `[start, end)`.
    package func totals(from start: UInt64 = 0, to end: UInt64 = .max) -> PolicyTotals {
        PolicyTotals(
            intervals.lazy.filter { interval in
                let middle = interval.startNanoseconds / 2 + interval.endNanoseconds / 2
                return start <= middle && middle < end
            }.map(\.totals))
    }

    /// What the pipelines counted together. Requests that came in are no calls: only what policies did to them counts.
    package static func totals(
        of timelines: [PolicyTimeline], from start: UInt64 = 0, to end: UInt64 = .max
    ) -> PolicyTotals {
        PolicyTotals(
            timelines.map { timeline in
                let totals = timeline.totals(from: start, to: end)
                return timeline.isOfRequests ? totals.ofPolicies : totals
            })
    }

    /// Whether it is a service's own pipeline, through which requests come in, and not that of calls to another one.
    package var isOfRequests: Bool { !pipeline.contains(" -> ") }

    /// Times that the breaker was seen to open. Sampled, so an opening shorter than the sampling interval can be missed.
    package var openings: Int {
        spans.indices.filter { index in
            spans[index].state == "open" && (index == 0 || spans[index - 1].state != "open")
        }.count
    }

    /// Time that the breaker was seen open, forced open included.
    package var openNanoseconds: UInt64 {
        spans.filter { $0.state == "open" || $0.state == "forced-open" }
            .reduce(0) { $0 + ($1.endNanoseconds - $1.startNanoseconds) }
    }

    /// Whether the pipeline was used or its breaker ever left the closed state; whether policies acted, for one that
    /// requests come in through.
    package var isInteresting: Bool {
        let totals = isOfRequests ? totals().ofPolicies : totals()
        return totals.counters.contains { $0.value > 0 } || spans.contains { $0.state != "closed" }
    }
}
