// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// Runs the operation until `deadline` at the latest, in a task of its own.
    ///
    /// - Returns: Its result, and whether the time was up before it came.
    @inlinable
    func runLimited<Success: Sendable, Failure: Error>(
        _ context: CallContext, until deadline: MonotonicInstant,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        let landing = AttemptTimeout.Landing()
        // Safe because only the attempt writes it, and it is read when the attempt has ended.
        nonisolated(unsafe) var result: Result<Success, Failure>?
        let isExpired = await AttemptTimeout.run(
            until: deadline, on: time, binding: context, landing
        ) {
            do throws(Failure) {
                result = .success(try await operation(context))
            } catch {
                result = .failure(error)
            }
            landing.touchDown()
        }
        // Safe because the attempt has ended, and it does not end without one.
        return (result!, isExpired)
    }
}
