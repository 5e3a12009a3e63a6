// SPDX-License-Identifier: Apache-2.0

/// How a call ended.
@usableFromInline
enum CallOutcome: UInt8, Sendable, CaseIterable {
    case success
    /// A success that took longer than the breaker's options call slow.
    case slow
    /// A result that says nothing about the callee.
    case ignored
    /// An error that says nothing about the callee.
    case ignoredError
    case failure
    case timeout
    case rejected
    case cancelled

    var label: String {
        switch self {
        case .success: "success"
        case .slow: "slow"
        case .ignored, .ignoredError: "ignored"
        case .failure: "failure"
        case .timeout: "timeout"
        case .rejected: "rejected"
        case .cancelled: "cancelled"
        }
    }
}

/// What a pipeline has counted since it was made. Calls are counted when they end.
public struct PipelineCounters: Sendable, Equatable {
    /// Logical calls that have ended: `successes + failures + cancellations`.
    public internal(set) var calls: UInt64 = 0
    /// Times the operation was run; `attempts / calls` is the amplification.
    public internal(set) var attempts: UInt64 = 0
    /// Calls that got their result from the operation.
    public internal(set) var successes: UInt64 = 0
    /// Calls without such a result, whatever the reason, whether a fallback answered or not.
    public internal(set) var failures: UInt64 = 0
    /// Calls that the caller gave up.
    public internal(set) var cancellations: UInt64 = 0
    /// Attempts that a time limit ended.
    public internal(set) var timeouts: UInt64 = 0
    /// Attempts after the first that the retry has decided on, those included that were refused or given up before they
    /// began.
    public internal(set) var retries: UInt64 = 0
    /// Attempts beside a slow or failed one, those included that were refused.
    public internal(set) var hedges: UInt64 = 0
    /// Failed calls that a fallback answered.
    public internal(set) var fallbacks: UInt64 = 0
    /// Results that came after the breaker's state had changed.
    public internal(set) var lateResults: UInt64 = 0
    /// Endpoints that were left out.
    public internal(set) var ejections: UInt64 = 0
    private var rejected = InlineArray<12, UInt64>(repeating: 0)
    private var wouldReject = InlineArray<12, UInt64>(repeating: 0)

    /// Attempts that were refused for the reason.
    public func rejections(_ reason: Rejection.Reason) -> UInt64 {
        rejected[Int(reason.rawValue)]
    }

    /// Attempts that a policy in shadow mode would have refused for the reason.
    public func shadowRejections(_ reason: Rejection.Reason) -> UInt64 {
        wouldReject[Int(reason.rawValue)]
    }

    mutating func countRejection(_ reason: Rejection.Reason, shadow: Bool) {
        if shadow { wouldReject[Int(reason.rawValue)] += 1 } else { rejected[Int(reason.rawValue)] += 1 }
    }

    /// Attempts per call; nil before the first call has ended.
    public var amplification: Double? {
        calls == 0 ? nil : Double(attempts) / Double(calls)
    }

    /// All counters by name, zero refusals left out: `calls`, `attempts`, `rejected.open`, `would_reject.open` …
    public var named: [String: UInt64] {
        var all: [String: UInt64] = [
            "calls": calls, "attempts": attempts, "successes": successes, "failures": failures,
            "cancellations": cancellations, "timeouts": timeouts, "retries": retries, "fallbacks": fallbacks,
            "late": lateResults,
        ]
        if hedges > 0 { all["hedges"] = hedges }
        if ejections > 0 { all["ejections"] = ejections }
        for reason in Rejection.Reason.allCases {
            if rejections(reason) > 0 { all["rejected.\(reason.label)"] = rejections(reason) }
            if shadowRejections(reason) > 0 { all["would_reject.\(reason.label)"] = shadowRejections(reason) }
        }
        return all
    }

    public static func == (left: PipelineCounters, right: PipelineCounters) -> Bool {
        left.named == right.named
    }
}
