// SPDX-License-Identifier: Apache-2.0

extension Bulkhead {
    /// A slot, for code that can't be a closure in a pipeline. Given back when the permit is dropped.
    public struct Permit: ~Copyable, Sendable {
        @usableFromInline let bulkhead: Bulkhead
        @usableFromInline let slot: Slot

        @inlinable
        init(_ bulkhead: Bulkhead, _ slot: Slot) {
            self.bulkhead = bulkhead
            self.slot = slot
        }

        @inlinable
        deinit {
            if slot == .taken { bulkhead.release() }
        }

        /// The call is over.
        @inlinable
        public consuming func release() {}
    }

    /// Takes a slot now or not at all.
    ///
    /// - Returns: The slot; an empty permit when the bulkhead is disabled.
    /// - Throws: The refusal. It has no `retryAfter`: a call may end at any moment.
    @inlinable
    public func tryAcquire() throws(Rejection) -> Permit {
        try Permit(self, isActive ? admitNow() : .none)
    }

    @usableFromInline
    func admitNow() throws(Rejection) -> Slot {
        switch admit(mayWait: false) {
        case .admitted(let slot): return slot
        case .refused(let rejection): throw rejection
        // A call that may not wait is never told to.
        case .wait: return .none
        }
    }

    /// Takes a slot, after a wait in the queue if need be.
    ///
    /// - Parameter deadline: When nobody waits for the call any more.
    /// - Returns: The slot; an empty permit when the bulkhead is disabled.
    /// - Throws: `.rejected` or `.cancelled`.
    public func acquire(deadline: MonotonicInstant? = nil) async throws(ResilienceError<Never>) -> Permit {
        if !isActive { return Permit(self, .none) }
        switch admit(mayWait: true) {
        case .admitted(let slot): return Permit(self, slot)
        case .refused(let rejection): throw .rejected(rejection, last: nil)
        case .wait(let id, let longest):
            switch await wait(id, since: time.now(), atMost: longest, deadline: deadline) {
            case .admitted: return Permit(self, .taken)
            case .refused(let rejection): throw .rejected(rejection, last: nil)
            case .cancelled: throw .cancelled(last: nil)
            }
        }
    }
}
