// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Growable bytes outside of reference counting, for records that live in a ``Slab``.
///
/// Plain data: copying it copies the pointer, and whoever owns the record it lies in calls ``free()``. `count <= capacity`
/// holds always, and `base` points to `capacity` bytes.
struct RawBytes: BitwiseCopyable {
    private(set) var base: UnsafeMutablePointer<UInt8>?
    private(set) var count = 0
    private var capacity = 0

    var isEmpty: Bool { count == 0 }

    /// The bytes; valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        memcpy(grow(by: bytes.count), source, bytes.count)
    }

    mutating func append(_ byte: UInt8) { grow(by: 1).pointee = byte }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Decimal digits.
    mutating func append(decimal value: UInt64) {
        var digits = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let start = grow(by: digits)
        rest = value
        for position in stride(from: digits - 1, through: 0, by: -1) {
            start[position] = 0x30 + UInt8(rest % 10)
            rest /= 10
        }
    }

    /// Overwrites bytes that exist.
    mutating func replace(at offset: Int, with byte: UInt8) {
        precondition(offset >= 0 && offset < count)
        base![offset] = byte  // safe because count > 0 implies a base
    }

    mutating func removeAll() { count = 0 }

    mutating func removeFirst(_ removed: Int) {
        guard let base, removed > 0 else { return }
        count = Swift.max(0, count - removed)
        memmove(base, base + removed, count)
    }

    /// Removes bytes in the middle; those behind move up.
    mutating func removeSubrange(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        guard let base, !range.isEmpty else { return }
        memmove(base + range.lowerBound, base + range.upperBound, count - range.upperBound)
        count -= range.count
    }

    /// Makes room, so that the next `added` bytes are appended without moving what is there.
    mutating func reserve(_ added: Int) {
        let before = count
        _ = grow(by: added)
        count = before
    }

    mutating func truncate(to newCount: Int) { count = min(count, max(0, newCount)) }

    /// Gives the memory back.
    mutating func free() {
        Glibc.free(base)
        self = RawBytes()
    }

    /// Makes room and returns where the new bytes go.
    private mutating func grow(by added: Int) -> UnsafeMutablePointer<UInt8> {
        let needed = count + added
        if needed > capacity {
            let newCapacity = max(needed, capacity * 2, 256)
            guard let moved = realloc(base, newCapacity) else { fatalError("out of memory") }
            base = moved.assumingMemoryBound(to: UInt8.self)
            capacity = newCapacity
        }
        defer { count = needed }
        return base! + (needed - added)  // safe because needed > 0, so there is a base
    }
}

/// Records under small stable numbers, in chunks that never move, with reuse of freed ones.
///
/// A record keeps what it holds (buffers, generation) when it is released and reused. Not thread-safe: each worker has its own.
final class Slab<Element: BitwiseCopyable> {
    private static var chunkBits: Int { 8 }
    // Exclusivity unchecked at run time for the reasons given at `Worker`: no method here calls out.
    @exclusivity(unchecked) private var chunks: [UnsafeMutablePointer<Element>] = []
    @exclusivity(unchecked) private var free: [Int32] = []
    private let blank: Element
    /// Numbers below this one have been in use.
    @exclusivity(unchecked) private(set) var count: Int32 = 0
    @exclusivity(unchecked) private(set) var inUse = 0

    init(blank: Element) { self.blank = blank }

    deinit { for chunk in chunks { chunk.deallocate() } }

    /// Number of a record that is not in use. Allocates only when there are more in use than ever before.
    func acquire() -> Int32 {
        inUse += 1
        if let number = free.popLast() { return number }
        if Int(count) >> Self.chunkBits == chunks.count {
            let chunk = UnsafeMutablePointer<Element>.allocate(capacity: 1 << Self.chunkBits)
            chunk.initialize(repeating: blank, count: 1 << Self.chunkBits)
            chunks.append(chunk)
        }
        count += 1
        return count - 1
    }

    func release(_ number: Int32) {
        inUse -= 1
        free.append(number)
    }

    /// The record; the pointer is valid as long as the slab.
    @inline(__always)
    subscript(number: Int32) -> UnsafeMutablePointer<Element> {
        precondition(number >= 0 && number < count)
        return chunks[Int(number) >> Self.chunkBits] + (Int(number) & (1 << Self.chunkBits - 1))
    }
}

/// Memory for what lives as long as the plan: allocated once, never moved, freed with the arena.
final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    func store<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeBufferPointer<Element> {
        if elements.isEmpty { return UnsafeBufferPointer(start: nil, count: 0) }
        let block = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = block.initialize(from: elements)
        blocks.append(UnsafeMutableRawPointer(block.baseAddress!))  // safe because the capacity is not zero
        return UnsafeBufferPointer(block)
    }

    func store(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(store(bytes) as UnsafeBufferPointer<UInt8>)
    }
}
