// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// Runs the operation until `deadline` at the latest.
    ///
    /// - Parameter bindsContext: Whether the operation has to find the context in `CallContext.current`.
    /// - Returns: Its result, and whether the time was up before it came.
    @inlinable
    func runLimited<Success: Sendable, Failure: Error>(
        _ context: CallContext, bindsContext: Bool, until deadline: MonotonicInstant,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        // Safe because this function always waits for the task that uses the closure.
        await withoutActuallyEscaping(operation) { operation in
            let race = AttemptTimeout.Race()
            // A task of its own, because only it must be cancelled when the time is up. It starts on this thread at
            // once: an operation that returns without waiting needs no timer and no other thread.
            func start() -> Task<Result<Success, Failure>, Never> {
                Task.immediate {
                    defer { race.finish() }
                    do throws(Failure) {
                        return .success(try await operation(context))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            // A new task copies what is bound when it is made. Binding around that moment alone costs much less than
            // binding around everything that the task does.
            let task = bindsContext ? CallContext.$current.withValue(context, operation: start) : start()
            if race.isFinished { return (await task.value, false) }
            let alarm = race.arm(task, at: deadline, on: time)
            let result = await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                task.cancel()
            }
            alarm.cancel()
            return (result, race.isExpired)
        }
    }
}
