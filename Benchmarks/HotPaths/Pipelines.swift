// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension HotPath {
    /// Pipelines around an operation that returns at once, and around one that suspends, as most real ones do.
    package static func pipelines() throws -> [HotPath] {
        let disabled = try ResiliencePipeline(name: "disabled", configuration: PipelineConfiguration())
        let deadline = try ResiliencePipeline(name: "deadline") { DeadlineOptions(limit: .seconds(3)) }
        let retry = try ResiliencePipeline(name: "retry") { RetryOptions() }
        let breaker = try ResiliencePipeline(name: "breaker") { CircuitBreakerOptions() }
        let bulkhead = try ResiliencePipeline(name: "bulkhead") { BulkheadOptions(limit: 64) }
        let attemptTimeout = try ResiliencePipeline(name: "timeout") { AttemptTimeoutOptions(limit: .seconds(1)) }
        let hedge = try ResiliencePipeline(name: "hedge", idempotency: .safe) { HedgeOptions() }
        let three = try ResiliencePipeline(name: "three") {
            RetryOptions()
            CircuitBreakerOptions()
            BulkheadOptions(limit: 64)
        }
        let five = try ResiliencePipeline(name: "five") {
            DeadlineOptions(limit: .seconds(3))
            RetryOptions()
            CircuitBreakerOptions()
            BulkheadOptions(limit: 64)
            AttemptTimeoutOptions(limit: .seconds(1))
        }
        let refusing = try ResiliencePipeline(name: "refusing") {
            CircuitBreakerOptions(minimumCalls: 1, open: .init(base: .seconds(3600)))
        }
        try refusing.circuitBreaker.acquire().fail()
        return [
            HotPath("bare-call") { count in
                var sum = 0
                for _ in 0..<count { sum &+= try await returnAtOnce(CallContext()) }
                consume(sum)
            },
            immediate("pipeline-disabled", disabled),
            immediate("pipeline-deadline", deadline),
            immediate("pipeline-retry", retry),
            immediate("pipeline-breaker", breaker),
            immediate("pipeline-bulkhead", bulkhead),
            immediate("pipeline-attempt-timeout", attemptTimeout),
            immediate("pipeline-hedge", hedge, .safe),
            immediate("pipeline-retry-breaker-bulkhead", three),
            immediate("pipeline-of-five", five),
            HotPath("pipeline-of-five-ending-itself") { count in
                var sum = 0
                for _ in 0..<count {
                    sum &+= try await five.execute(endsAtDeadline: true) { try await returnAtOnce($0) }
                }
                consume(sum)
            },
            HotPath("pipeline-refused") { count in
                var refused = 0
                for _ in 0..<count {
                    do throws(ResilienceError<Never>) {
                        refused -= try await refusing.execute { context async throws(Never) in context.attempt }
                    } catch {
                        refused += 1
                    }
                }
                if refused != count { throw UnexpectedResult("an open breaker let calls pass") }
            },
            HotPath("bare-call-suspending") { count in
                try await withTaskExecutorPreference(OneThread.shared) {
                    var sum = 0
                    for _ in 0..<count { sum &+= try await suspend(CallContext()) }
                    consume(sum)
                }
            },
            suspending("pipeline-retry-breaker-bulkhead-suspending", three),
            suspending("pipeline-of-five-suspending", five),
        ]
    }

    private static func immediate(
        _ name: String, _ pipeline: ResiliencePipeline, _ idempotency: Idempotency = .unsafe
    ) -> HotPath {
        HotPath(name) { count in
            var sum = 0
            for _ in 0..<count {
                sum &+= try await pipeline.execute(idempotency: idempotency) { try await returnAtOnce($0) }
            }
            consume(sum)
        }
    }

    private static func suspending(_ name: String, _ pipeline: ResiliencePipeline) -> HotPath {
        HotPath(name) { count in
            try await withTaskExecutorPreference(OneThread.shared) {
                var sum = 0
                for _ in 0..<count { sum &+= try await pipeline.execute { try await suspend($0) } }
                consume(sum)
            }
        }
    }

    /// Not inlined: a pipeline that sees through its operation would be faster than any real one.
    @inline(never)
    private static func returnAtOnce(_ context: CallContext) async throws -> Int {
        context.attempt
    }

    @inline(never)
    private static func suspend(_ context: CallContext) async throws -> Int {
        await Task.yield()
        return context.attempt
    }
}
