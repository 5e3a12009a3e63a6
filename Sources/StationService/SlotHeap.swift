// SPDX-License-Identifier: Apache-2.0

/// The requests in service, the one that is done first on top: a binary heap.
///
/// All slots work at one speed, which can change: the work that is left then takes another time, and the order stays.
struct SlotHeap<Job> {
    struct Entry {
        var job: Job
        var began: UInt64
        /// When it is done at the present speed; `UInt64.max` while the station is frozen.
        var finish: UInt64
        /// Work left at `since`, in nanoseconds at full speed.
        var left: Double
        var since: UInt64
        /// Ties leave in the order of entry, so that a replay is exact.
        var order: UInt64

        func isBefore(_ other: Entry) -> Bool {
            (finish, left, order) < (other.finish, other.left, other.order)
        }
    }

    private var heap: [Entry] = []
    private var entered: UInt64 = 0
    private var speed = 1.0

    var count: Int { heap.count }

    /// When the first of them is done; `UInt64.max` for none.
    var earliest: UInt64 { heap.first?.finish ?? .max }

    mutating func add(_ job: Job, work: UInt64, at time: UInt64) {
        entered += 1
        heap.append(
            Entry(
                job: job, began: time, finish: finish(of: Double(work), from: time), left: Double(work), since: time,
                order: entered))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !heap[child].isBefore(heap[parent]) { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Removes and returns the first that is done by `now`.
    mutating func popDue(_ now: UInt64) -> Entry? {
        guard let first = heap.first, first.finish <= now, first.finish < .max else { return nil }
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
        return first
    }

    /// Works at another speed from `now` on. Nothing may be due before it.
    mutating func change(speed new: Double, at now: UInt64) {
        guard new != speed else { return }
        for index in heap.indices {
            // Never before `since`: time only goes on.
            heap[index].left = max(0, heap[index].left - Double(now - heap[index].since) * speed)
            heap[index].since = now
        }
        speed = new
        for index in heap.indices { heap[index].finish = finish(of: heap[index].left, from: now) }
        // A sorted array is a heap. Less work left means done earlier at any common speed.
        heap.sort { $0.isBefore($1) }
    }

    private func finish(of left: Double, from time: UInt64) -> UInt64 {
        guard speed > 0 else { return .max }
        // 10,000 hours at a millionth of the speed still is no number that overflows silently: it is cut.
        let length = min(left / speed, 9e18)
        let (sum, overflow) = time.addingReportingOverflow(UInt64(length.rounded()))
        return overflow ? .max - 1 : sum
    }
}
