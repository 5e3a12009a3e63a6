// SPDX-License-Identifier: Apache-2.0

/// A binary heap of sessions that wait for a time. Ties keep their order of entry, so that a replay is exact.
struct TimerQueue {
    private struct Entry {
        var deadline: UInt64
        var order: UInt64
        var session: Int32

        func isBefore(_ other: Entry) -> Bool {
            deadline < other.deadline || (deadline == other.deadline && order < other.order)
        }
    }

    private var heap: [Entry] = []
    private var entered: UInt64 = 0

    var count: Int { heap.count }

    /// The earliest deadline; `UInt64.max` when nothing waits.
    var nextDeadline: UInt64 { heap.first?.deadline ?? .max }

    mutating func add(_ session: Int32, deadline: UInt64) {
        entered += 1
        heap.append(Entry(deadline: deadline, order: entered, session: session))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !heap[child].isBefore(heap[parent]) { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Removes the sessions that match and returns them in the order of their deadlines. For the end of a load: it goes through all.
    mutating func removeAll(where matches: (_ session: Int32, _ deadline: UInt64) -> Bool) -> [Int32] {
        var removed: [Entry] = []
        heap.removeAll { entry in
            if !matches(entry.session, entry.deadline) { return false }
            removed.append(entry)
            return true
        }
        // A sorted array is a heap.
        heap.sort { $0.isBefore($1) }
        return removed.sorted { $0.isBefore($1) }.map(\.session)
    }

    /// Removes and returns the earliest session whose deadline is not after `now`.
    mutating func popDue(_ now: UInt64) -> (session: Int32, deadline: UInt64)? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= heap.count { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            if !heap[child].isBefore(heap[parent]) { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return (first.session, first.deadline)
    }
}
