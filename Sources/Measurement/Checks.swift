// SPDX-License-Identifier: Apache-2.0

/// A check of a request step.
package struct CheckInfo: Codable, Sendable, Equatable {
    /// Index into `RunRecord.steps`.
    package var step: Int
    package var name: String

    package init(step: Int, name: String) {
        self.step = step
        self.name = name
    }
}

/// How often one check was passed and failed in one second.
///
/// Every request that was tried counts for each of its checks: without a whole answer all of them have failed. Requests
/// that were aborted or never started count for none.
package struct CheckTally: Codable, Sendable, Equatable {
    /// Index into `RunRecord.checks`.
    package var check: Int
    package var passed: UInt64
    package var failed: UInt64

    package init(check: Int, passed: UInt64, failed: UInt64) {
        self.check = check
        self.passed = passed
        self.failed = failed
    }
}

/// The results of all checks with one name.
package struct CheckResult: Sendable, Equatable {
    package var name: String
    package var passed: UInt64
    package var failed: UInt64

    package init(name: String, passed: UInt64, failed: UInt64) {
        self.name = name
        self.passed = passed
        self.failed = failed
    }

    package var count: UInt64 { passed + failed }
    /// 0…1; nil when nothing was checked.
    package var ratio: Double? { count == 0 ? nil : Double(passed) / Double(count) }
}

extension RunRecord {
    /// Results by the checks' names, in the order in which they stand in the script.
    ///
    /// - Parameters:
    ///   - journey: Of this journey alone.
    ///   - phase: Of requests intended in it; nil for the whole measured time.
    package func checkResults(journey: String? = nil, in phase: Phase? = nil) -> [CheckResult] {
        var results: [CheckResult] = []
        var places: [Int?] = []
        for check in checks {
            guard journey == nil || steps[check.step].journey == journey else {
                places.append(nil)
                continue
            }
            if let known = results.firstIndex(where: { $0.name == check.name }) {
                places.append(known)
            } else {
                places.append(results.count)
                results.append(CheckResult(name: check.name, passed: 0, failed: 0))
            }
        }
        for tally in (phase.map(slices(in:)) ?? measuredSlices).lazy.flatMap(\.checks) {
            guard let place = places[tally.check] else { continue }
            results[place].passed += tally.passed
            results[place].failed += tally.failed
        }
        return results
    }
}
