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
    /// Whether the call may be done twice.
    public var idempotency: Idempotency
    /// How much is lost when the call is refused.
    public var criticality: Criticality
    /// Which part of its class of criticality the call belongs to.
    public var cohort: Cohort
    /// Whether this attempt runs beside an earlier one that has not answered yet.
    public var isHedge: Bool
    /// The kind of work that the call belongs to, where a limit guarantees a share to it.
    public var share: CallShare

    /// A context; by default that of a call that a user waits for, without a deadline.
    ///
    /// - Parameters:
    ///   - deadline: The instant after which nobody waits for the answer.
    ///   - attempt: The number of the attempt, from 1; 0 before the first.
    ///   - idempotency: Whether the call may be done twice.
    ///   - criticality: How much is lost when the call is refused.
    ///   - cohort: Which part of its class goes first when some of it has to be refused.
    ///   - isHedge: Whether the attempt runs beside an earlier one.
    ///   - share: The kind of work that the call belongs to, where a limit guarantees a share to it.
    @inlinable
    public init(
        deadline: MonotonicInstant? = nil, attempt: Int = 0, idempotency: Idempotency = .unsafe,
        criticality: Criticality = .critical, cohort: Cohort = .last, isHedge: Bool = false, share: CallShare = .none
    ) {
        self.deadline = deadline
        self.attempt = attempt
        self.idempotency = idempotency
        self.criticality = criticality
        self.cohort = cohort
        self.isHedge = isHedge
        self.share = share
    }

    /// The context of the call that this task works for.
    ///
    /// A server binds it for each request. A pipeline binds it while an operation runs, so that calls made inside
    /// take the earlier deadline, the criticality, the cohort and the share over without being handed them.
    @TaskLocal public static var current: CallContext?

    /// The time left until the deadline, never negative; nil without a deadline.
    ///
    /// - Parameter now: The instant to count from, of the clock that the deadline was made with.
    public func remaining(at now: MonotonicInstant) -> Duration? {
        deadline.map { max(.zero, now.duration(to: $0)) }
    }

    /// The class that counts where calls are shed: one below the call's own for an attempt after the first and for a
    /// hedge, because somebody who was refused once can be refused again at less cost than somebody new.
    @inlinable
    public var sheddingCriticality: Criticality {
        attempt > 1 || isHedge ? criticality.lowered : criticality
    }
}
