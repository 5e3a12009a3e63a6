// SPDX-License-Identifier: Apache-2.0

/// One play of a journey. Plain data in a ``Slab``; its buffers are kept when it is released and reused.
struct Session: BitwiseCopyable {
    enum State: UInt8 {
        case free
        /// In a think time, or waiting for its start.
        case thinking
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
    /// Number that no other session of the plan has.
    var uniqueNumber: UInt64 = 0
    var random = SeededRandom(seed: 0)
    /// When the next step is due, before its own think time: the arrival, then the end of each request.
    var due: UInt64 = 0
    /// Whether a request of this journey was scheduled.
    var hasRequested = false

    // The request under way.
    var request: Int32 = 0
    var intended: UInt64 = 0
    var pickedUp: UInt64 = 0
    var sent: UInt64 = 0
    /// When its last byte was taken; the same as `sent` when that was at once, 0 while bytes are left.
    var sentAll: UInt64 = 0
    var firstByte: UInt64 = 0

    /// One slot a variable, allocated once by the worker; nil when the plan has no variables.
    var variables: UnsafeMutablePointer<VariableSlot>?
    private var values = RawBytes()
    /// Connection of this session to each target, with the per-user strategy; nil otherwise.
    var ownConnections: UnsafeMutablePointer<Int32>?

    /// Value of a variable; empty when it has none.
    func value(of index: Int32) -> UnsafeRawBufferPointer {
        guard let variables else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let slot = variables[Int(index)]  // indices were counted when the plan was compiled
        if slot.length == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: values.bytes[Int(slot.offset)..<Int(slot.offset + slot.length)])
    }

    /// Gives a variable the bytes that `write` appends; nothing when it returns false.
    mutating func setValue(of index: Int32, _ write: (inout RawBytes) -> Bool) {
        guard let variables else { return }
        let start = values.count
        if !write(&values) { values.truncate(to: start) }
        variables[Int(index)] = VariableSlot(
            offset: Int32(clamping: start), length: Int32(clamping: values.count - start))
    }

    mutating func clearValues(_ count: Int) {
        values.removeAll()
        variables?.update(repeating: VariableSlot(), count: count)
    }

    /// Gives its memory back, when the worker ends.
    mutating func free() {
        values.free()
        variables?.deallocate()
        ownConnections?.deallocate()
        variables = nil
        ownConnections = nil
    }
}
