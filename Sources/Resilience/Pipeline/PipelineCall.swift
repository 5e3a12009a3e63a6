// SPDX-License-Identifier: Apache-2.0

/// What a caller says about its call.
@usableFromInline
struct CallRequest: Sendable {
    var idempotency: Idempotency
    var deadline: MonotonicInstant?
    /// Nil: that of the call that this task works for.
    var criticality: Criticality?
    /// Nil: that of the call that this task works for.
    var cohort: Cohort?
    /// Whether the operation ends by itself at its context's deadline.
    var endsAtDeadline: Bool
    /// Nil: that of the call that this task works for.
    var share: CallShare?

    @usableFromInline
    init(
        idempotency: Idempotency, deadline: MonotonicInstant?, criticality: Criticality?, cohort: Cohort?,
        share: CallShare?, endsAtDeadline: Bool
    ) {
        self.endsAtDeadline = endsAtDeadline
        self.idempotency = idempotency
        self.deadline = deadline
        self.criticality = criticality
        self.cohort = cohort
        self.share = share
    }
}

/// One logical call on its way through a pipeline.
@usableFromInline
struct PipelineCall: Sendable {
    @usableFromInline var context: CallContext
    /// Times the operation was run.
    @usableFromInline var attempts = 0
    /// The pause before this attempt in nanoseconds; decorrelated jitter goes on from it.
    @usableFromInline var delay: Int64 = 0
    /// Whether calls made inside the operation would miss something that they have to take over.
    @usableFromInline var bindsContext = false
    /// Whether the operation ends by itself at its context's deadline.
    @usableFromInline var endsAtDeadline = false
    /// When the call came in.
    var start = MonotonicInstant(nanoseconds: 0)
    /// The policies that were switched on when the call came in.
    var mask: PolicyMask = []
    /// Whether the call has a place of the load shedder's to give back.
    var holdsPlace = false

    /// A call that takes over from the one that this task works for what it does not say itself.
    @usableFromInline
    init(_ request: CallRequest) {
        context = CallContext(deadline: request.deadline, idempotency: request.idempotency)
        endsAtDeadline = request.endsAtDeadline
        guard let outer = CallContext.current else {
            context.criticality = request.criticality ?? context.criticality
            context.cohort = request.cohort ?? context.cohort
            context.share = request.share ?? context.share
            bindsContext =
                request.deadline != nil || request.criticality != nil || request.cohort != nil || request.share != nil
            return
        }
        if let latest = outer.deadline { context.deadline = min(latest, request.deadline ?? latest) }
        var criticality = request.criticality ?? outer.criticality
        // What is done for a repeated attempt is worth less than what is done for a first one.
        if outer.attempt > 1 || outer.isHedge { criticality = criticality.lowered }
        context.criticality = criticality
        context.cohort = request.cohort ?? outer.cohort
        context.share = request.share ?? outer.share
        bindsContext =
            context.deadline != outer.deadline || criticality != outer.criticality || context.cohort != outer.cohort
            || context.share != outer.share
    }
}
