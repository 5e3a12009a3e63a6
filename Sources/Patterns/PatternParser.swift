// SPDX-License-Identifier: Apache-2.0

/// Reads the text of a pattern.
struct PatternParser {
    private static let maximumDepth = 50
    /// Most repetitions that a pattern may ask for by number.
    private static let maximumCount = 1_000

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private(set) var groups = 0
    private(set) var ignoresCase = false

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() throws(Pattern.Malformed) -> PatternNode {
        if scalars.isEmpty { throw fault("the pattern is empty", at: 0) }
        if scalars.starts(with: Array("(?i)".unicodeScalars)) {
            ignoresCase = true
            position = 4
        }
        let node = try choice()
        if position < scalars.count { throw fault("')' without a '('", at: position) }
        return node
    }

    private func fault(_ message: String, at offset: Int) -> Pattern.Malformed {
        .init(message: message, offset: offset)
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func choice() throws(Pattern.Malformed) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw fault("groups lie too deep in each other", at: position) }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(Pattern.Malformed) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let start = position
            let node = try atom()
            nodes.append(try repetition(of: node, from: start))
        }
        return nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func atom() throws(Pattern.Malformed) -> PatternNode {
        let start = position
        let scalar = scalars[position]  // the caller has seen that there is one
        position += 1
        switch scalar {
        case ".": return .bytes(ByteSet(0x0a).inverted)
        case "^": return .assert(.start)
        case "$": return .assert(.end)
        case "(": return try group(from: start)
        case "[": return .bytes(try byteClass(from: start))
        case "\\": return try escape(from: start)
        case "*", "+", "?", "{":
            throw fault("'\(scalar)' has nothing to repeat; write \\\(scalar) for the character", at: start)
        default: return Self.literal(scalar)
        }
    }

    private static func literal(_ scalar: Unicode.Scalar) -> PatternNode {
        let bytes = Array(String(Character(scalar)).utf8).map { PatternNode.bytes(ByteSet($0)) }
        return bytes.count == 1 ? bytes[0] : .sequence(bytes)
    }

    private mutating func group(from start: Int) throws(Pattern.Malformed) -> PatternNode {
        var isFirst = false
        if take("?") {
            guard take(":") else {
                throw fault(
                    "of the groups with '?' only (?:…) is possible, and (?i) at the start; there is no look-around",
                    at: start)
            }
        } else {
            groups += 1
            isFirst = groups == 1
        }
        let node = try choice()
        guard take(")") else { throw fault("'(' is never closed with ')'", at: start) }
        return isFirst ? .captured(node) : node
    }

    private mutating func repetition(of node: PatternNode, from start: Int) throws(Pattern.Malformed) -> PatternNode {
        var (least, most): (Int, Int?)
        let place = position
        switch next {
        case "*": (least, most) = (0, nil)
        case "+": (least, most) = (1, nil)
        case "?": (least, most) = (0, 1)
        case "{":
            position += 1
            guard let low = number() else {
                throw fault("a number comes after '{'; write \\{ for the character", at: place)
            }
            (least, most) = (low, low)
            if take(",") { most = number() }
            guard next == "}" else { throw fault("'{' is never closed with '}'", at: place) }
            guard least <= Self.maximumCount, most ?? 0 <= Self.maximumCount, most ?? least >= least else {
                throw fault("repetitions go from 0 to \(Self.maximumCount), the lower number first", at: place)
            }
        default: return node
        }
        position += 1
        let isGreedy = !take("?")
        if let next, next == "*" || next == "+" || next == "{" {
            throw fault("a repetition can't be repeated; put the inner one into (?:…)", at: position)
        }
        return .repeated(node, least: least, most: most, isGreedy: isGreedy)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next.flatMap({
            $0.properties.numericType == .decimal && $0.isASCII ? Int($0.value) - 48 : nil
        }) {
            value = min((value ?? 0) * 10 + digit, Self.maximumCount + 1)
            position += 1
        }
        return value
    }

    // MARK: Classes and escapes

    private mutating func byteClass(from start: Int) throws(Pattern.Malformed) -> ByteSet {
        var set = ByteSet()
        let isInverted = take("^")
        var isFirst = true
        while let scalar = next, isFirst || scalar != "]" {
            isFirst = false
            let place = position
            position += 1
            var low: UInt8?
            if scalar == "\\" {
                switch try escape(from: place) {
                case .bytes(let escaped):
                    low = Self.single(escaped)
                    if low == nil { set.formUnion(escaped) }
                default: throw fault("this escape can't stand in a class", at: place)
                }
            } else if scalar.isASCII {
                low = UInt8(scalar.value)
            } else {
                throw fault("a class holds ASCII characters only; write (?:é|è) for others", at: place)
            }
            guard let low else { continue }
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                let end = scalars[position]
                position += 1
                guard end.isASCII, end != "\\", UInt8(end.value) >= low else {
                    throw fault("this range of a class ends before it begins", at: place)
                }
                set.formUnion(ByteSet(low...UInt8(end.value)))
            } else {
                set.insert(low)
            }
        }
        guard take("]") else { throw fault("'[' is never closed with ']'", at: start) }
        if ignoresCase { set = set.ignoringCase }
        return isInverted ? set.inverted : set
    }

    private static func single(_ set: ByteSet) -> UInt8? {
        let members = (UInt8.min...UInt8.max).filter(set.contains)
        return members.count == 1 ? members[0] : nil
    }

    private mutating func escape(from start: Int) throws(Pattern.Malformed) -> PatternNode {
        guard let scalar = next else { throw fault("the pattern ends with '\\'", at: start) }
        position += 1
        switch scalar {
        case "d": return .bytes(.digits)
        case "D": return .bytes(ByteSet.digits.inverted)
        case "w": return .bytes(.word)
        case "W": return .bytes(ByteSet.word.inverted)
        case "s": return .bytes(.space)
        case "S": return .bytes(ByteSet.space.inverted)
        case "b": return .assert(.wordBoundary)
        case "B": return .assert(.noWordBoundary)
        case "n": return .bytes(ByteSet(0x0a))
        case "r": return .bytes(ByteSet(0x0d))
        case "t": return .bytes(ByteSet(0x09))
        case "f": return .bytes(ByteSet(0x0c))
        case "x":
            let digits = scalars[position...].prefix(2).compactMap { Character($0).hexDigitValue }
            guard digits.count == 2 else { throw fault("two hexadecimal digits come after '\\x'", at: start) }
            position += 2
            return .bytes(ByteSet(UInt8(digits[0] << 4 | digits[1])))
        case "0"..."9":
            throw fault("there are no references to groups: they could take time without bounds", at: start)
        case "a"..."z", "A"..."Z": throw fault("there is no escape '\\\(scalar)'", at: start)
        default: return Self.literal(scalar)
        }
    }
}
