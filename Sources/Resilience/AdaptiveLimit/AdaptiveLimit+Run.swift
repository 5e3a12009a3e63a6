// SPDX-License-Identifier: Apache-2.0

extension AdaptiveLimit {
    /// Runs an operation unless the limit is reached, after a wait in the queue if it has one.
    ///
    /// A success is a sample, a refusal for overload shrinks the limit, any other failure says nothing: one that comes
    /// quickly must not make the callee look fast. Let the classifier call a time-out `throttled`. The deadline is the
    /// one of `CallContext.current`.
    ///
    /// - Parameters:
    ///   - share: The share of the limit that the call belongs to; nil: that of `CallContext.current`.
    ///   - classifier: What results mean.
    ///   - operation: Run once, when there is a slot.
    /// - Returns: The operation's result.
    /// - Throws: `.operation`, `.rejected` or `.cancelled`.
    public func run<Success, Failure: Error>(
        share: CallShare? = nil,
        classifier: Classifier<Success, Failure> = .default, _ operation: () async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let permit: Permit
        do throws(ResilienceError<Never>) {
            let context = CallContext.current
            permit = try await acquire(deadline: context?.deadline, share: share ?? context?.share ?? .none)
        } catch {
            throw error.widened()
        }
        let (result, verdict) = await judged(by: classifier, operation)
        permit.end(Outcome(verdict))
        return try result.getOperation()
    }
}

extension AdaptiveLimit.Outcome {
    /// What a verdict says about load.
    ///
    /// - Parameter verdict: What the result means.
    public init(_ verdict: Verdict) {
        switch verdict {
        case .success: self = .completed
        case .throttled: self = .dropped
        case .failure, .ignore: self = .ignored
        }
    }
}
