// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Something that happens once, at an instant, unless it is cancelled before. Subclasses say what.
///
/// `@unchecked Sendable`: the queue touches `place` and `deadline` only under its lock, and nobody else does; what a
/// subclass adds has to be safe by itself.
@usableFromInline
class QueuedTimer: @unchecked Sendable {
    /// Where it stands in the queue's heap; nil when it is not in it.
    fileprivate(set) var place: Int?
    fileprivate(set) var deadline: Int64 = 0

    @usableFromInline
    init() {}

    /// Called at most once, outside of the queue's lock, on some thread. It may take its time: ending an attempt runs
    /// its `onCancel` handlers, which are anybody's code, and other timers don't wait for it.
    func fire() {}
}

/// All timers of the machine's clock, with one sleeping task for the earliest of them.
///
/// A timer that is cancelled leaves at once and leaves nothing behind; only the sleeping task stays until its instant,
/// so that a process in which every call arms a timer and cancels it does not start a task for each. Without timers
/// there is no task after that. Arming and cancelling take O(log n) under one lock and allocate nothing; arming the
/// usual timer, one later than all others, takes O(1). A timer that fires, which few do, costs a task: what it does may be
/// slow, and the sleeper has to be back in time for the next one.
final class TimerQueue: Sendable {
    static let system = TimerQueue(time: .system)

    private struct Core {
        var heap = TimerHeap()
        var sleeper: Sleeper?
        var lastID: UInt64 = 0
    }

    private struct Sleeper {
        var id: UInt64
        var until: Int64
        var task: Task<Void, Never>?
    }

    private let core = Mutex(Core())
    private let time: TimeSource

    init(time: TimeSource) {
        self.time = time
    }

    /// Timers that are armed.
    var count: Int {
        core.withLock { $0.heap.count }
    }

    /// Whether a task sleeps.
    var isAwake: Bool {
        core.withLock { $0.sleeper == nil }
    }

    /// Arms a timer that is not armed. It fires at `instant` or later, never earlier.
    func arm(_ timer: QueuedTimer, at instant: MonotonicInstant) {
        let deadline = instant.nanoseconds
        let (id, stale) = core.withLock { core -> (UInt64?, Task<Void, Never>?) in
            core.heap.insert(timer, at: deadline)
            if let sleeper = core.sleeper, sleeper.until <= deadline { return (nil, nil) }
            let stale = core.sleeper?.task
            core.lastID += 1
            core.sleeper = Sleeper(id: core.lastID, until: deadline)
            return (core.lastID, stale)
        }
        guard let id else { return }
        stale?.cancel()
        // Unstructured on purpose: the queue owns it, and it ends by itself. Detached, because it belongs to no caller.
        let task = Task.detached(priority: .high) { await self.sleep(as: id) }
        core.withLock { if $0.sleeper?.id == id { $0.sleeper?.task = task } }
    }

    /// Disarms a timer. Afterwards it fires only if it is about to at this moment.
    func cancel(_ timer: QueuedTimer) {
        core.withLock { $0.heap.remove(timer) }
    }

    /// Fires what is due and sleeps until the next, until there is none or an earlier one has a sleeper of its own.
    private func sleep(as id: UInt64) async {
        while true {
            let now = time.now().nanoseconds
            let (due, next) = core.withLock { core -> ([QueuedTimer], Int64?) in
                if core.sleeper?.id != id { return ([], nil) }
                let due = core.heap.removeDue(at: now)
                core.sleeper = core.heap.first.map { Sleeper(id: id, until: $0, task: core.sleeper?.task) }
                return (due, core.sleeper?.until)
            }
            // Nobody waits for the last one if nothing else is armed: whoever arms the next timer starts a new sleeper.
            let ownTimer = next == nil ? due.last : nil
            for timer in due.dropLast(ownTimer == nil ? 0 : 1) {
                // Unstructured on purpose: it belongs to nobody, and ends with what the timer does.
                Task.detached(priority: .high) { timer.fire() }
            }
            ownTimer?.fire()
            guard let next else { return }
            do {
                try await time.sleep(until: MonotonicInstant(nanoseconds: next))
            } catch {
                return
            }
        }
    }
}

/// Timers by their instants: a binary heap in which each timer knows its place, so that any of them can be taken out.
struct TimerHeap {
    private var timers: [QueuedTimer] = []

    var count: Int {
        timers.count
    }

    /// The earliest instant.
    var first: Int64? {
        timers.first?.deadline
    }

    mutating func insert(_ timer: QueuedTimer, at deadline: Int64) {
        timer.deadline = deadline
        timer.place = timers.count
        timers.append(timer)
        rise(timers.count - 1)
    }

    /// Takes a timer out; nothing happens when it is not in the heap.
    mutating func remove(_ timer: QueuedTimer) {
        guard let place = timer.place, place < timers.count, timers[place] === timer else { return }
        timer.place = nil
        let last = timers.removeLast()
        if last === timer { return }
        timers[place] = last
        last.place = place
        sink(place)
        rise(place)
    }

    /// Takes out the timers whose instant has come, the earliest first.
    mutating func removeDue(at now: Int64) -> [QueuedTimer] {
        var due: [QueuedTimer] = []
        while let earliest = timers.first, earliest.deadline <= now {
            remove(earliest)
            due.append(earliest)
        }
        return due
    }

    private mutating func rise(_ start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            if timers[parent].deadline <= timers[place].deadline { return }
            swap(place, parent)
            place = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while 2 * place + 1 < timers.count {
            var child = 2 * place + 1
            if child + 1 < timers.count, timers[child + 1].deadline < timers[child].deadline { child += 1 }
            if timers[place].deadline <= timers[child].deadline { return }
            swap(place, child)
            place = child
        }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
        timers.swapAt(one, other)
        timers[one].place = one
        timers[other].place = other
    }
}
