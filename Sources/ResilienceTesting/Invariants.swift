// SPDX-License-Identifier: Apache-2.0

public import Resilience

/// What should always hold and does not.
public struct InvariantViolations: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence each.
    public var violations: [String]

    /// What one's own checks found; one sentence each.
    public init(violations: [String]) {
        self.violations = violations
    }

    /// All of them in one line.
    public var description: String {
        violations.joined(separator: "; ")
    }
}

/// Checks of what holds after any schedule of calls, for tests with random ones.
///
/// They throw, so that they work under any test framework: `try Invariants.hold(of: stock)`.
public enum Invariants {
    /// Checks a scripted operation after the calls that ran it: everything that started has ended, and not more was
    /// done than may be.
    ///
    /// - Parameters:
    ///   - script: The operation.
    ///   - runs: How often it may have run in all; nil: any number.
    ///   - concurrency: How many runs may have been under way at once (a bulkhead's limit); nil: any number.
    /// - Throws: Everything that is wrong.
    public static func hold<Success, Failure: Error>(
        of script: OutcomeScript<Success, Failure>, runs: Int? = nil, concurrency: Int? = nil
    ) throws(InvariantViolations) {
        var found: [String] = []
        let records = script.runs
        for run in records where run.end == nil { found.append("run \(run.number) is still under way") }
        if let runs, records.count > runs { found.append("\(records.count) runs, at most \(runs) may be") }
        if let concurrency, script.maximumUnderWay > concurrency {
            found.append("\(script.maximumUnderWay) runs at once, at most \(concurrency) may be")
        }
        if !found.isEmpty { throw InvariantViolations(violations: found) }
    }

    /// Checks a pipeline: no permits beyond a limit, no negative budget, counters that add up.
    ///
    /// - Parameters:
    ///   - pipeline: A snapshot of it.
    ///   - isIdle: Whether all its calls have ended; then no permit is left in use either. While calls are under way a
    ///     limit that was lowered a moment ago may rightly be exceeded.
    /// - Throws: Everything that is wrong.
    public static func hold(of pipeline: PipelineSnapshot, isIdle: Bool = true) throws(InvariantViolations) {
        var found: [String] = []
        for policy in pipeline.policies {
            guard case .map(let state) = policy.state else { continue }
            for entry in state.entries {
                found += violation(of: entry.key, entry.value, in: policy, isIdle: isIdle).map {
                    "\(policy.kind.rawValue): \($0)"
                }
            }
        }
        let counters = pipeline.counters
        let ended = ["successes", "failures", "cancellations"].reduce(0) { $0 + (counters[$1] ?? 0) }
        let calls = counters["calls"] ?? 0
        if ended != calls { found.append("\(calls) calls, but \(ended) successes, failures and cancellations") }
        if !found.isEmpty { throw InvariantViolations(violations: found) }
    }

    private static func violation(
        of key: String, _ value: ConfigurationValue, in policy: PipelineSnapshot.Policy, isIdle: Bool
    ) -> [String] {
        let bounds = ["in-flight": "limit", "queued": "queue"]
        switch (key, value) {
        case ("budget-balance", .double(let balance)) where balance < 0: return ["a budget of \(balance)"]
        case ("in-flight", .int(let count)), ("queued", .int(let count)):
            if isIdle { return count == 0 ? [] : ["\(count) \(key), although all calls have ended"] }
            if count < 0 { return ["\(count) \(key)"] }
            guard policy.mode == .enforced, case .map(let configuration) = policy.configuration,
                case .int(let limit)? = bounds[key].flatMap({ configuration[$0] }), count > limit
            else { return [] }
            return ["\(count) \(key) with a \(bounds[key] ?? "bound") of \(limit)"]
        default: return []
        }
    }
}
