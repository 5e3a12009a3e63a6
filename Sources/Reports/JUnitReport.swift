// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The thresholds as JUnit XML, which CI systems show as tests: a suite per run, a case per threshold.
///
/// The trustworthiness of the measurement is a case too: an INVALID run is an error, not a failure.
package enum JUnitReport {
    package static func render(_ record: ExperimentRecord) -> String {
        let suites = record.runs.map { suite($0, record) }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + Markup.tag("testsuites", ["name": "seawall " + record.scenario.name], suites.joined(separator: "\n"))
            + "\n"
    }

    private static func suite(_ run: RunRecord, _ record: ExperimentRecord) -> String {
        let name = "\(record.scenario.name).\(run.variant)" + (run.round > 0 ? ".\(run.round + 1)" : "")
        let isInvalid = run.generator.verdict == .invalid
        var cases = [
            testCase(
                "the measurement is valid", name,
                isInvalid
                    ? Markup.text("error", ["message": "INVALID"], run.generator.reasons.joined(separator: "\n")) : "")
        ]
        cases += run.thresholds.map { threshold in
            let message = threshold.problem == nil ? "measured " + threshold.measured : threshold.words
            return testCase(
                threshold.expression, name,
                threshold.passed ? "" : Markup.text("failure", ["message": message], ""))
        }
        return Markup.tag(
            "testsuite",
            [
                "name": name, "tests": String(cases.count), "failures": String(run.thresholds.count { !$0.passed }),
                "errors": isInvalid ? "1" : "0", "timestamp": run.startedAt,
                "time": Format.fixed(Double(Swift.min(run.actualNanoseconds, 1 << 62)) / 1e9, decimals: 3),
            ], cases.joined(separator: "\n"))
    }

    private static func testCase(_ name: String, _ suite: String, _ content: String) -> String {
        Markup.tag("testcase", ["name": name, "classname": suite], content)
    }
}
