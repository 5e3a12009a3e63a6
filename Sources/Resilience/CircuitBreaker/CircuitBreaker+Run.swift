// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// Runs an operation as one call, unless the breaker refuses it.
    ///
    /// - Parameters:
    ///   - classifier: What results mean; by default every error is a failure but a cancellation and a refusal.
    ///   - operation: The call; not run when it is refused.
    /// - Returns: The operation's result, whatever the classifier says of it.
    /// - Throws: The operation's error, or the refusal.
    @inlinable
    public func run<Success, Failure: Error>(
        classifier: Classifier<Success, Failure> = .default, _ operation: () async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        if !isActive {
            do throws(Failure) {
                return try await operation()
            } catch {
                throw .operation(error)
            }
        }
        let start = time.now()
        switch admit(at: start) {
        case .refused(let rejection): throw .rejected(rejection, last: nil)
        case .admitted(let ticket):
            let result: Result<Success, Failure>
            do throws(Failure) {
                result = .success(try await operation())
            } catch {
                result = .failure(error)
            }
            return try conclude(ticket, result, classifier, from: start)
        }
    }

    /// Runs work that does not suspend as one call, unless the breaker refuses it.
    ///
    /// The cheapest way through a breaker: a permit keeps the breaker alive, which callers on several threads pay for
    /// with each other's cache lines, and this has none.
    ///
    /// - Parameters:
    ///   - classifier: What results mean; by default every error is a failure but a cancellation and a refusal.
    ///   - operation: The call; not run when it is refused.
    /// - Returns: The operation's result, whatever the classifier says of it.
    /// - Throws: The operation's error, or the refusal.
    @inlinable
    public func run<Success, Failure: Error>(
        classifier: Classifier<Success, Failure> = .default, _ operation: () throws(Failure) -> Success
    ) throws(ResilienceError<Failure>) -> Success {
        if !isActive {
            do throws(Failure) {
                return try operation()
            } catch {
                throw .operation(error)
            }
        }
        let start = time.now()
        switch admit(at: start) {
        case .refused(let rejection): throw .rejected(rejection, last: nil)
        case .admitted(let ticket):
            let result: Result<Success, Failure>
            do throws(Failure) {
                result = .success(try operation())
            } catch {
                result = .failure(error)
            }
            return try conclude(ticket, result, classifier, from: start)
        }
    }

    /// Records a result and hands it on; an error under cancellation says nothing about the callee.
    @inlinable @inline(__always)
    func conclude<Success, Failure: Error>(
        _ ticket: Ticket, _ result: Result<Success, Failure>, _ classifier: Classifier<Success, Failure>,
        from start: MonotonicInstant
    ) throws(ResilienceError<Failure>) -> Success {
        if !ticket.isAdmitted { return try result.getOperation() }
        let now = time.now()
        let classification = classifier.classify(result)
        var verdict = classification.verdict
        if case .failure = result, Task.isCancelled { verdict = .ignore }
        record(
            ticket, verdict, duration: max(0, now.nanoseconds.subtractingSaturated(start.nanoseconds)),
            retryAfter: classification.retryAfter, at: now)
        return try result.getOperation()
    }
}
