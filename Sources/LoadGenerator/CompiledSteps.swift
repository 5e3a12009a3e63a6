// SPDX-License-Identifier: Apache-2.0

/// One instruction of a journey. Loops and conditions are jumps, so that a session is no more than a position.
enum CompiledStep: BitwiseCopyable {
    /// Index into `CompiledPlan.requests`, which is also the step of the record.
    case request(Int32)
    case think(CompiledThink)
    case set(variable: Int32, UnsafeBufferPointer<CompiledSegment>)
    /// Goes on at another position when a condition of `CompiledPlan.conditions` does not hold.
    case jumpUnless(condition: Int32, to: Int32)
    /// Goes on at another position when a variable is empty: the most frequent condition.
    case jumpUnlessSet(variable: Int32, to: Int32)
    /// Begins to count rounds, by depth of the loops in each other.
    case beginLoop(depth: Int32)
    /// Counts a round, and goes back while there are fewer than the limit.
    case nextRound(depth: Int32, limit: UInt32, to: Int32)
}

enum CompiledThink: BitwiseCopyable {
    case fixed(UInt64)
    case uniform(UInt64, UInt64)
    case exponential(Double)

    init(_ think: Plan.Think) {
        switch think {
        case .fixed(let duration): self = .fixed(duration.nanoseconds)
        case .uniform(let low, let high):
            self = .uniform(min(low.nanoseconds, high.nanoseconds), max(low.nanoseconds, high.nanoseconds))
        case .exponential(let mean): self = .exponential(Double(mean.nanoseconds))
        }
    }

    /// Nanoseconds to wait.
    func draw(_ random: inout SeededRandom) -> UInt64 {
        switch self {
        case .fixed(let nanoseconds): nanoseconds
        case .uniform(let low, let high): low + random.below(high - low + 1)
        case .exponential(let mean): UInt64(min(random.exponential() * mean, 1e18))
        }
    }
}

struct CompiledCondition: BitwiseCopyable {
    var left: UnsafeBufferPointer<CompiledSegment>
    /// Nil: whether the left text is not empty.
    var comparison: Plan.Condition.Comparison?
    var right: UnsafeBufferPointer<CompiledSegment>
    var isNegated: Bool

    func holds(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        compare(left, right) != isNegated
    }

    private func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard let comparison else { return !left.isEmpty }
        // Identifiers of 64 bits are not exact as floating-point numbers.
        if let a = PlainInteger(left), let b = PlainInteger(right) {
            let order = a.order(to: b)
            return switch comparison {
            case .equal: order == 0
            case .notEqual: order != 0
            case .less: order < 0
            case .lessOrEqual: order <= 0
            case .greater: order > 0
            case .greaterOrEqual: order >= 0
            }
        }
        if let a = Self.number(left), let b = Self.number(right) {
            return switch comparison {
            case .equal: a == b
            case .notEqual: a != b
            case .less: a < b
            case .lessOrEqual: a <= b
            case .greater: a > b
            case .greaterOrEqual: a >= b
            }
        }
        return switch comparison {
        case .equal: left.elementsEqual(right)
        case .notEqual: !left.elementsEqual(right)
        case .less, .lessOrEqual, .greater, .greaterOrEqual: false
        }
    }

    /// A decimal number, perhaps with a fraction and an exponent; nil for any other text.
    private static func number(_ bytes: UnsafeRawBufferPointer) -> Double? {
        guard !bytes.isEmpty, bytes.count <= 64 else { return nil }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                continue
            default: return nil
            }
        }
        return Double(String(decoding: bytes, as: UTF8.self))
    }
}

/// An integer in decimal digits, of any length, perhaps with a sign.
private struct PlainInteger {
    private let isNegative: Bool
    /// Without leading zeros.
    private let digits: Slice<UnsafeRawBufferPointer>

    /// Nil for any other text.
    init?(_ bytes: UnsafeRawBufferPointer) {
        let sign = bytes.first
        let digits = bytes.dropFirst(sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") ? 1 : 0)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.digits = digits.drop { $0 == 0x30 }
        isNegative = sign == UInt8(ascii: "-") && !self.digits.isEmpty
    }

    /// −1, 0 or 1.
    func order(to other: PlainInteger) -> Int {
        if isNegative != other.isNegative { return isNegative ? -1 : 1 }
        if digits.elementsEqual(other.digits) { return 0 }
        let isLess =
            digits.count != other.digits.count
            ? digits.count < other.digits.count : digits.lexicographicallyPrecedes(other.digits)
        return isLess != isNegative ? -1 : 1
    }
}

/// Turns the steps of a journey into instructions.
struct StepCompiler {
    private(set) var steps: [CompiledStep] = []
    /// Most loops in each other.
    private(set) var depth = 0
    private var loops = 0
    private(set) var requests: [Plan.Request] = []

    mutating func add(_ step: Plan.Step, _ builder: inout RequestBuilder) {
        switch step {
        case .request(let request):
            let jump = request.when.map { addJump(unless: $0, &builder) }
            steps.append(.request(Int32(builder.add(request))))
            requests.append(request)
            if let jump { land(jump) }
        case .think(let think): steps.append(.think(CompiledThink(think)))
        case .set(let variable, let template):
            builder.use(variable)
            steps.append(.set(variable: Int32(variable.index), builder.segments(of: template)))
        case .group(let condition, let inner):
            let jump = addJump(unless: condition, &builder)
            for step in inner { add(step, &builder) }
            land(jump)
        case .loop(let loop): add(loop, &builder)
        }
    }

    private mutating func add(_ loop: Plan.Loop, _ builder: inout RequestBuilder) {
        let level = Int32(loops)
        loops += 1
        depth = max(depth, loops)
        steps.append(.beginLoop(depth: level))
        let start = Int32(steps.count)
        var jumps: [Int] = []
        if let condition = loop.whileCondition { jumps.append(addJump(unless: condition, &builder)) }
        for step in loop.steps { add(step, &builder) }
        if var condition = loop.untilCondition {
            condition.isNegated.toggle()
            jumps.append(addJump(unless: condition, &builder))
        }
        steps.append(.nextRound(depth: level, limit: UInt32(clamping: loop.rounds), to: start))
        for jump in jumps { land(jump) }
        loops -= 1
    }

    /// A jump whose end is not known yet; returns its position.
    private mutating func addJump(unless condition: Plan.Condition, _ builder: inout RequestBuilder) -> Int {
        if condition.comparison == nil, !condition.isNegated, condition.left.segments.count == 1,
            case .variable(let variable) = condition.left.segments[0]
        {
            builder.use(variable)
            steps.append(.jumpUnlessSet(variable: Int32(variable.index), to: -1))
        } else {
            steps.append(.jumpUnless(condition: builder.add(condition), to: -1))
        }
        return steps.count - 1
    }

    private mutating func land(_ jump: Int) {
        let here = Int32(steps.count)
        switch steps[jump] {
        case .jumpUnless(let condition, _): steps[jump] = .jumpUnless(condition: condition, to: here)
        case .jumpUnlessSet(let variable, _): steps[jump] = .jumpUnlessSet(variable: variable, to: here)
        default: break
        }
    }
}
