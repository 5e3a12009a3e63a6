// SPDX-License-Identifier: Apache-2.0

/// One play of a journey. Plain data in a ``Slab``; its buffers are kept when it is released and reused.
struct Session: BitwiseCopyable {
    enum State: UInt8 {
        case free
        /// In a think time, or waiting for its start.
        case thinking
        /// Its request is due, and waits for others to end because of `maxInFlight`.
        case heldBack
        /// Its request waits for a connection.
        case waiting
        /// Its request has a connection, ready or in the making.
        case active
    }

    struct VariableSlot: BitwiseCopyable {
        var offset: Int32 = 0
        var length: Int32 = 0
    }

    var state = State.free
    var journey: Int32 = 0
    var source: Int32 = 0
    /// Position in the journey's steps.
    var step: Int32 = 0
    var userRow: Int32 = 0
    var connection: Int32 = -1
    /// Number of the arrival in its source.
    var number: UInt64 = 0
    /// The first of its numbers of the counter, which no other session of the run has.
    var firstCounter: UInt64 = 0
    var random = SeededRandom(seed: 0)
    /// When the next step is due, before its own think time: the arrival, then the end of each request.
    var due: UInt64 = 0
    /// Whether a request of this journey was scheduled.
    var hasRequested = false
    /// Whether its request, or the arrival before it, had to wait for others to end.
    var isHeldBack = false
    /// Feeder that had no row left for this journey: its first request is not started; −1 for none.
    var emptyFeeder: Int32 = -1
    /// Numbers of the counter that this journey has used.
    var drawnCounters: UInt64 = 0

    // The request under way.
    var request: Int32 = 0
    var intended: UInt64 = 0
    var pickedUp: UInt64 = 0
    var sent: UInt64 = 0
    /// When its last byte was taken; the same as `sent` when that was at once, 0 while bytes are left.
    var sentAll: UInt64 = 0
    var firstByte: UInt64 = 0
    /// Checks that the head has passed, a bit for each.
    var passedChecks: UInt32 = 0

    /// One slot a variable, allocated once by the worker; nil when the plan has no variables.
    var variables: UnsafeMutablePointer<VariableSlot>?
    private var values = RawBytes()
    /// Takes turns with `values` when what is still needed moves.
    private var spare = RawBytes()
    /// Bytes of `values` that no variable has any more.
    private var garbage = 0
    /// Rounds of the loops under way, by depth; nil when the plan has no loops.
    var rounds: UnsafeMutablePointer<UInt32>?
    /// Row of each feeder, −1 for none; nil when the plan has no feeders.
    var rows: UnsafeMutablePointer<Int32>?
    /// Connection of this session to each target, with the per-user strategy; nil otherwise.
    var ownConnections: UnsafeMutablePointer<Int32>?

    /// Value of a variable; empty when it has none.
    func value(of index: Int32) -> UnsafeRawBufferPointer {
        guard let variables else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let slot = variables[Int(index)]  // indices were counted when the plan was compiled
        if slot.length == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: values.bytes[Int(slot.offset)..<Int(slot.offset + slot.length)])
    }

    /// Gives a variable the bytes that `write` appends; nothing when it returns false. `count` is the number of variables.
    mutating func setValue(of index: Int32, count: Int, _ write: (inout RawBytes) -> Bool) {
        guard let variables else { return }
        let start = values.count
        if !write(&values) { values.truncate(to: start) }
        garbage += Int(variables[Int(index)].length)
        variables[Int(index)] = VariableSlot(
            offset: Int32(clamping: start), length: Int32(clamping: values.count - start))
        // Loops write a variable again and again.
        if garbage > 4_096, garbage > values.count / 2 { keepValues(of: count) }
    }

    /// Forgets the values of all variables but the first ones.
    mutating func clearValues(_ count: Int, keeping kept: Int) {
        guard let variables else { return }
        if kept == 0 {
            values.removeAll()
            garbage = 0
            variables.update(repeating: VariableSlot(), count: count)
            return
        }
        (variables + kept).update(repeating: VariableSlot(), count: count - kept)
        keepValues(of: kept)
    }

    /// Moves the values of the first variables together, and forgets all other bytes.
    private mutating func keepValues(of count: Int) {
        guard let variables else { return }
        spare.removeAll()
        for index in 0..<count {
            let value = value(of: Int32(index))
            variables[index].offset = Int32(clamping: spare.count)
            spare.append(value)
        }
        swap(&values, &spare)
        garbage = 0
    }

    /// Gives its memory back, when the worker ends.
    mutating func free() {
        values.free()
        spare.free()
        variables?.deallocate()
        ownConnections?.deallocate()
        rounds?.deallocate()
        rows?.deallocate()
        variables = nil
        ownConnections = nil
        rounds = nil
        rows = nil
    }
}
