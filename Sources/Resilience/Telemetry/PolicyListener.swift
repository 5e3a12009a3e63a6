// SPDX-License-Identifier: Apache-2.0

/// Where a policy's events go. Always called outside the policy's lock.
struct PolicyListener<Event: Sendable>: Sendable {
    private let handler: (@Sendable (Event) -> Void)?

    init(_ handler: (@Sendable (Event) -> Void)?) {
        self.handler = handler
    }

    /// Whether there is anybody to report to.
    var isListening: Bool {
        handler != nil
    }

    func report(_ event: Event) {
        handler?(event)
    }
}
