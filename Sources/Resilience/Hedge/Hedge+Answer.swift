// SPDX-License-Identifier: Apache-2.0

extension Hedge {
    /// What one attempt of a call beside a pipeline ends with.
    @usableFromInline
    struct Answer<Success: Sendable, Failure: Error>: HedgedOutcome {
        @usableFromInline let result: Result<Success, ResilienceError<Failure>>
        @usableFromInline let judgement: Judgement

        @inlinable
        init(_ result: Result<Success, ResilienceError<Failure>>, _ judgement: Judgement) {
            self.result = result
            self.judgement = judgement
        }

        @inlinable
        var runs: Int { 1 }

        /// Runs the operation and says what its result means.
        @inlinable
        static func of(
            _ context: CallContext, _ classifier: Classifier<Success, Failure>,
            _ operation: @Sendable (CallContext) async throws(Failure) -> Success
        ) async -> Answer {
            let result: Result<Success, Failure>
            do throws(Failure) {
                result = .success(try await operation(context))
            } catch {
                // An error under cancellation says nothing about the callee, whatever it looks like.
                if Task.isCancelled { return Answer(.failure(.cancelled(last: error)), .cancelled) }
                result = .failure(error)
            }
            return Answer(result.mapError { .operation($0) }, Judgement(classifier.classify(result)))
        }

        /// Hands a value that nobody takes to whoever closes it.
        @inlinable
        func discard(_ close: @Sendable (Success) async -> Void) async {
            if case .success(let value) = result { await close(value) }
        }
    }
}

extension Hedge.Judgement {
    /// What the classification of a result of the callee means for other attempts.
    @inlinable
    init(_ classification: Classification) {
        switch classification.verdict {
        case .success, .ignore: self = .acceptable
        case .throttled: self = .throttled
        case .failure:
            if classification.retry == .never {
                self = .hopeless
            } else {
                self = classification.retryAfter == nil ? .failed : .throttled
            }
        }
    }
}
