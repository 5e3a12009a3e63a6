// SPDX-License-Identifier: Apache-2.0

extension Bulkhead {
    /// Names a call that waits.
    typealias WaiterID = UInt64

    /// The bulkhead without lock and continuations.
    ///
    /// A waiter leaves the queue exactly once: granted, cancelled or timed out. A slot is only ever granted to a call
    /// that is in the queue, so none is lost to a caller that has gone.
    struct StateMachine: Sendable {
        enum Admission: Sendable, Equatable {
            case granted
            case refused
            case wait(WaiterID)
        }

        private(set) var options: BulkheadOptions
        private(set) var inFlight = 0
        /// Waiting calls from the longest to the shortest wait; it may be a long line, and whoever is in the middle of it
        /// gives up under the lock.
        private var queue = WaitingLine<Void>()
        private var nextID: WaiterID = 0

        init(options: BulkheadOptions) {
            self.options = options
        }

        var queued: Int { queue.count }

        /// The slots that anybody may take without asking; nil when calls have to ask.
        var freeSlots: Int? {
            queue.isEmpty && inFlight <= options.limit ? options.limit - inFlight : nil
        }

        /// Takes over what has happened while slots were taken and given back without asking.
        mutating func settle(freeSlots: Int) {
            inFlight = options.limit - freeSlots
        }

        /// Asks for a slot.
        ///
        /// - Parameter mayWait: False for a call that is admitted now or not at all.
        mutating func acquire(mayWait: Bool = true) -> Admission {
            // Newcomers don't overtake in a FIFO queue; while somebody waits there is no free slot anyway.
            if inFlight < options.limit, queue.isEmpty {
                inFlight += 1
                return .granted
            }
            // With no slot at all nobody would ever be granted one.
            if !mayWait || queue.count >= options.queue || options.maximumWait <= .zero || options.limit == 0 {
                return .refused
            }
            nextID += 1
            queue.append(nextID, ())
            return .wait(nextID)
        }

        /// Takes a slot without asking, over the limit if need be.
        ///
        /// - Returns: Whether the call would have been refused.
        mutating func acquireUnconditionally() -> Bool {
            inFlight += 1
            return inFlight > options.limit + options.queue
        }

        /// Gives a slot back.
        ///
        /// - Returns: The waiter that got it.
        mutating func release() -> WaiterID? {
            inFlight -= 1
            return grantNext()
        }

        /// A waiter gives up.
        ///
        /// - Returns: False when it had been granted a slot already, which it has to give back.
        mutating func leave(_ id: WaiterID) -> Bool {
            queue.remove(id) != nil
        }

        /// Takes new options. When the limit shrinks nobody is thrown out: slots retire as they come back, before new
        /// ones are granted.
        ///
        /// - Returns: The waiters that the new limit lets in.
        mutating func configure(_ new: BulkheadOptions) -> [WaiterID] {
            options = new
            return grantAll()
        }

        /// Lets in everybody, for a bulkhead that is not enforced any more.
        mutating func open() -> [WaiterID] {
            var granted: [WaiterID] = []
            while let (id, _) = queue.popFirst() {
                inFlight += 1
                granted.append(id)
            }
            return granted
        }

        private mutating func grantAll() -> [WaiterID] {
            var granted: [WaiterID] = []
            while let id = grantNext() { granted.append(id) }
            return granted
        }

        private mutating func grantNext() -> WaiterID? {
            guard inFlight < options.limit, let next = options.order == .fifo ? queue.popFirst() : queue.popLast()
            else {
                return nil
            }
            inFlight += 1
            return next.id
        }
    }
}
