// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The slices of every run as CSV (RFC 4180, UTF-8, a header line, `\r\n`): a line per second, step and outcome.
///
/// Seconds are those in which requests were intended; times are nanoseconds. `response_p99_ns` and its like are plain nearest
/// ranks of few samples: merge the histograms of `run.json` to get percentiles of longer stretches, never average these.
package enum CSVReport {
    package static let header = [
        "variant", "round", "second", "warmup", "phase", "journey", "step", "target", "outcome", "count",
        "response_p50_ns", "response_p90_ns", "response_p99_ns", "response_max_ns", "service_p50_ns", "service_p99_ns",
        "schedule_lag_p99_ns", "in_flight",
    ]

    package static func render(_ record: ExperimentRecord) -> String {
        var text = line(header)
        for run in record.runs {
            for slice in run.slices {
                for sample in slice.samples { text += line(fields(sample, slice, run)) }
            }
        }
        return text
    }

    private static func fields(_ sample: Sample, _ slice: Slice, _ run: RunRecord) -> [String] {
        let step = run.steps.indices.contains(sample.step) ? run.steps[sample.step] : nil
        let (response, service) = (sample.responseTime, sample.serviceTime)
        let isWarmup = slice.startNanoseconds < run.warmupNanoseconds
        let phase = run.phases.first(where: slice.belongs(to:))
        return [
            run.variant, String(run.round), String(slice.second), isWarmup ? "1" : "0",
            isWarmup ? "" : phase?.kind.rawValue ?? "", step?.journey ?? "", step?.label ?? String(sample.step),
            step?.target ?? "", sample.outcome.rawValue, String(response.count), number(response.percentile(50)),
            number(response.percentile(90)), number(response.percentile(99)), number(response.max),
            number(service.percentile(50)), number(service.percentile(99)), number(slice.scheduleLag.percentile(99)),
            String(slice.inFlight),
        ]
    }

    private static func number(_ value: UInt64?) -> String { value.map(String.init) ?? "" }

    static func line(_ fields: [String]) -> String {
        fields.map(quoted).joined(separator: ",") + "\r\n"
    }

    /// In quotes where it has to be. A leading sign that would make a spreadsheet compute is kept from it by an apostrophe.
    static func quoted(_ field: String) -> String {
        var field = field
        if let first = field.first, "=+-@\t\r".contains(first), Int(field) == nil { field = "'" + field }
        let needsQuotes = field.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        guard needsQuotes else { return field }
        return "\"" + field.reduce(into: "") { $0 += $1 == "\"" ? "\"\"" : String($1) } + "\""
    }
}
