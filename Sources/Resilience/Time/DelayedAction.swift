// SPDX-License-Identifier: Apache-2.0

/// Something that happens at an instant unless it is cancelled before.
///
/// It owns one task, which ends when the action has run or `cancel` was called; dropping the value without cancelling
/// leaves the action armed.
struct DelayedAction: Sendable {
    private let task: Task<Void, Never>

    /// Runs `action` at `instant`, on the concurrent executor.
    init(at instant: MonotonicInstant, on time: TimeSource, action: @escaping @Sendable () -> Void) {
        // Unstructured on purpose: it is owned by this value, and whoever made it cancels it when it has what it waited
        // for.
        task = Task {
            do {
                try await time.sleep(until: instant)
                action()
            } catch {}
        }
    }

    func cancel() {
        task.cancel()
    }
}
