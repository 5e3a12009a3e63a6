// SPDX-License-Identifier: Apache-2.0

/// Whether doing a call twice does harm.
public enum Idempotency: UInt8, Sendable, Hashable, Codable, CaseIterable {
    /// The call changes nothing (GET).
    case safe
    /// The call has the same effect however often it is done (PUT, DELETE, a POST with an idempotency key).
    case idempotent
    /// Doing it twice may do it twice: only retried when the callee certainly did not start.
    case unsafe

    /// Whether a second attempt does no harm.
    public var isRepeatable: Bool {
        self != .unsafe
    }
}

/// What travels with a call through a pipeline and, by the caller's choice, over the wire.
public struct CallContext: Sendable, Hashable {
    /// The instant after which nobody waits for the answer any more.
    public var deadline: MonotonicInstant?
    /// The number of this attempt, from 1; 0 before the first.
    public var attempt: Int
    public var idempotency: Idempotency
    /// Whether the attempt runs beside another one of the same number that is slow (``Hedge``).
    public var isHedge: Bool

    public init(
        deadline: MonotonicInstant? = nil, attempt: Int = 0, idempotency: Idempotency = .unsafe, isHedge: Bool = false
    ) {
        self.deadline = deadline
        self.attempt = attempt
        self.idempotency = idempotency
        self.isHedge = isHedge
    }

    /// The context of the call that this task works for; a server binds it for each request, pipelines below take the
    /// earlier deadline.
    @TaskLocal public static var current: CallContext?

    /// The time left until the deadline, never negative; nil without a deadline.
    public func remaining(at now: MonotonicInstant) -> Duration? {
        deadline.map { max(.zero, now.duration(to: $0)) }
    }
}
