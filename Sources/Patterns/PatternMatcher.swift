// SPDX-License-Identifier: Apache-2.0

/// Searches with one pattern, again and again, without allocating: the memory is taken when it is made.
///
/// All ways through the pattern are followed side by side, byte by byte, so that the time is at most the input's length times
/// the pattern's; a budget bounds even that. Not thread-safe: each thread has its own.
package final class PatternMatcher {
    /// Where a pattern was found. Positions are offsets into the input.
    package struct Match: Equatable {
        package var whole: Range<Int>
        /// What the first group took part with; nil when the pattern has none, or it took no part.
        package var group: Range<Int>?
    }

    /// Longest input that is searched, in bytes; the rest is not looked at.
    package static let maximumInput = 256 << 10
    /// Steps after which a search gives up: some 50 ms.
    private static let budget = 4_000_000

    private static let slots = 4

    /// Ways that are followed at one position of the input, best first: a sparse set of instructions with their positions.
    private struct Ways {
        let order: UnsafeMutablePointer<Int32>
        let place: UnsafeMutablePointer<Int32>
        let positions: UnsafeMutablePointer<Int>
        var count: Int32 = 0

        init(_ instructions: Int) {
            order = .allocate(capacity: instructions)
            place = .allocate(capacity: instructions)
            positions = .allocate(capacity: instructions * PatternMatcher.slots)
            place.initialize(repeating: 0, count: instructions)
        }

        func free() {
            order.deallocate()
            place.deallocate()
            positions.deallocate()
        }

        /// Whether the instruction was not there yet. `place` may hold anything for others: `order` decides.
        mutating func insert(_ instruction: Int32) -> Bool {
            let known = place[Int(instruction)]
            if known < count, order[Int(known)] == instruction { return false }
            place[Int(instruction)] = count
            order[Int(count)] = instruction
            count += 1
            return true
        }
    }

    private let program: UnsafeMutableBufferPointer<Pattern.Instruction>
    /// Bytes that a match can begin with; nil when it may be empty.
    private let first: ByteSet?
    private let beginsAtStart: Bool
    private var current: Ways
    private var next: Ways
    private let found: UnsafeMutablePointer<Int>
    private let scratch: UnsafeMutablePointer<Int>

    package init(_ pattern: Pattern) {
        let count = pattern.program.count
        program = .allocate(capacity: count)
        _ = program.initialize(from: pattern.program)
        current = Ways(count)
        next = Ways(count)
        found = .allocate(capacity: Self.slots)
        scratch = .allocate(capacity: Self.slots)
        (first, beginsAtStart) = Self.beginning(of: pattern.program)
    }

    deinit {
        program.deallocate()
        current.free()
        next.free()
        found.deallocate()
        scratch.deallocate()
    }

    /// The bytes with which a match can begin, and whether it can only begin at the start of the input.
    private static func beginning(of program: [Pattern.Instruction]) -> (ByteSet?, Bool) {
        var set = ByteSet()
        var seen = Set<Int32>()
        var open: [Int32] = [0]
        var canBeEmpty = false
        while let instruction = open.popLast() {
            guard seen.insert(instruction).inserted else { continue }
            switch program[Int(instruction)] {
            case .bytes(let bytes): set.formUnion(bytes)
            case .split(let a, let b): open += [a, b]
            case .jump(let to): open.append(to)
            case .save, .assert: open.append(instruction + 1)
            case .match: canBeEmpty = true
            }
        }
        let beginsAtStart = program.count > 1 && program[1] == .assert(.start)
        return (canBeEmpty ? nil : set, beginsAtStart)
    }

    /// The first match: the one that begins first and, among those, the one that the pattern prefers; nil when there is none, or the
    /// budget is used up.
    package func firstMatch(in bytes: UnsafeRawBufferPointer) -> Match? {
        let input = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.maximumInput))
        var position = 0
        var hasFound = false
        var steps = 0
        current.count = 0
        while true {
            if current.count == 0 {
                if hasFound || (beginsAtStart && position > 0) { break }
                if let first {
                    while position < input.count, !first.contains(input[position]) {
                        if beginsAtStart { return nil }
                        position += 1
                    }
                    if position == input.count { break }
                }
            }
            if !hasFound && !(beginsAtStart && position > 0) {
                for slot in 0..<Self.slots { scratch[slot] = -1 }
                follow(0, at: position, in: input, into: &current)
            }
            next.count = 0
            steps += Int(current.count) + 1
            if steps > Self.budget { return nil }
            advance(input, position, &hasFound)
            swap(&current, &next)
            if position == input.count { break }
            position += 1
        }
        guard hasFound else { return nil }
        let group = found[2] >= 0 && found[3] >= found[2] ? found[2]..<found[3] : nil
        return Match(whole: found[0]..<found[1], group: group)
    }

    /// Takes the byte at a position with all ways of `current`; those that go on are in `next`.
    private func advance(_ input: UnsafeRawBufferPointer, _ position: Int, _ hasFound: inout Bool) {
        for index in 0..<Int(current.count) {
            let instruction = current.order[index]
            let positions = current.positions + Int(instruction) * Self.slots
            switch program[Int(instruction)] {
            case .bytes(let set):
                guard position < input.count, set.contains(input[position]) else { continue }
                for slot in 0..<Self.slots { scratch[slot] = positions[slot] }
                follow(instruction + 1, at: position + 1, in: input, into: &next)
            case .match:
                for slot in 0..<Self.slots { found[slot] = positions[slot] }
                hasFound = true
                // The ways behind this one are worse.
                return
            case .split, .jump, .save, .assert: continue
            }
        }
    }

    /// Adds everything that can be reached without taking a byte. `scratch` has the positions kept so far. As deep as the pattern has
    /// instructions at most, because each is entered once.
    private func follow(_ instruction: Int32, at position: Int, in input: UnsafeRawBufferPointer, into ways: inout Ways)
    {
        guard ways.insert(instruction) else { return }
        switch program[Int(instruction)] {
        case .jump(let to): follow(to, at: position, in: input, into: &ways)
        case .split(let a, let b):
            follow(a, at: position, in: input, into: &ways)
            follow(b, at: position, in: input, into: &ways)
        case .save(let slot):
            let before = scratch[Int(slot)]
            scratch[Int(slot)] = position
            follow(instruction + 1, at: position, in: input, into: &ways)
            scratch[Int(slot)] = before
        case .assert(let assertion):
            if holds(assertion, at: position, in: input) {
                follow(instruction + 1, at: position, in: input, into: &ways)
            }
        case .bytes, .match:
            let positions = ways.positions + Int(instruction) * Self.slots
            for slot in 0..<Self.slots { positions[slot] = scratch[slot] }
        }
    }

    private func holds(_ assertion: Pattern.Assertion, at position: Int, in input: UnsafeRawBufferPointer) -> Bool {
        switch assertion {
        case .start: return position == 0
        case .end: return position == input.count
        case .wordBoundary, .noWordBoundary:
            let before = position > 0 && ByteSet.word.contains(input[position - 1])
            let after = position < input.count && ByteSet.word.contains(input[position])
            return (before != after) == (assertion == .wordBoundary)
        }
    }
}
