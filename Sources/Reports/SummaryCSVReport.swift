// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The percentiles of every run as CSV (RFC 4180, UTF-8, a header line, `\r\n`): a line for each phase, step and kind of time.
///
/// `phase` is `whole` for all of the measured time, and `journey`, `step` and `target` are empty for all steps together. `times` says
/// which: `response-ok` and `service-ok` of the successes, `response-all` of every request, those without an answer at their age,
/// and `schedule-lag` of what was sent, which is known for all steps together only. A percentile without enough samples is empty.
package enum SummaryCSVReport {
    package static let header = [
        "variant", "round", "phase", "journey", "step", "target", "times", "count", "p50_ns", "p90_ns", "p99_ns",
        "p999_ns", "max_ns",
    ]

    package static func render(_ record: ExperimentRecord) -> String {
        var text = CSVReport.line(header)
        for run in record.runs {
            text += lines(run, phase: nil)
            for phase in run.phases where phase.kind != .whole { text += lines(run, phase: phase) }
        }
        return text
    }

    private static func lines(_ run: RunRecord, phase: Phase?) -> String {
        var text = ""
        for step in run.steps.indices.map(Optional.init) + [nil] {
            let successes = SampleFilter(step: step, outcomes: [.ok], phase: phase)
            var times = [
                ("response-ok", run.responseTime(successes)),
                ("response-all", run.responseTime(SampleFilter(step: step, phase: phase))),
                ("service-ok", run.serviceTime(successes)),
            ]
            if step == nil { times.append(("schedule-lag", run.scheduleLag(in: phase))) }
            let info = step.map { run.steps[$0] }
            for (name, histogram) in times {
                let latency = Latency(histogram)
                text += CSVReport.line(
                    [
                        run.variant, String(run.round), phase?.kind.rawValue ?? "whole", info?.journey ?? "",
                        info?.label ?? "", info?.target ?? "", name, String(latency.count),
                    ]
                        + [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map {
                            $0.map(String.init) ?? ""
                        })
            }
        }
        return text
    }
}
