// SPDX-License-Identifier: Apache-2.0

/// A component of a compiled JSON path: an object's key as UTF-8, or an array's index (negative: from the end).
enum JSONPathComponent: BitwiseCopyable {
    case key(UnsafeRawBufferPointer)
    case index(Int)
}

/// Finds one value in a JSON text by skipping over the others: no tree, no allocation, nothing kept.
///
/// It accepts what RFC 8259 allows, and checks as much of the structure as it has to walk; it is a reader of paths, not a
/// validator. Nesting is bounded. Every read is inside the buffer (`peek` is the only access).
struct JSONScanner {
    enum Found: Equatable {
        /// Position and length of the text between the quotes, escapes not yet decoded.
        case string(Range<Int>)
        /// Number, true, false, or an object or array as it stands.
        case raw(Range<Int>)
        case null
    }

    private static let maximumDepth = 512
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The value at the path; nil when the path leads nowhere or the text is not JSON as far as it was read.
    static func find(_ path: UnsafeBufferPointer<JSONPathComponent>, in bytes: UnsafeRawBufferPointer) -> Found? {
        var scanner = JSONScanner(bytes)
        for component in path {
            switch component {
            case .key(let key): if !scanner.enterObject(key) { return nil }
            case .index(let index): if !scanner.enterArray(index) { return nil }
            }
        }
        return scanner.value()
    }

    // MARK: Walking

    /// The next byte that is not white space, without taking it; 0 at the end.
    private mutating func peek() -> UInt8 {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return bytes[position]
            }
        }
        return 0
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        if peek() != byte { return false }
        position += 1
        return true
    }

    /// Moves to the value of `key` in the object that begins here.
    private mutating func enterObject(_ key: UnsafeRawBufferPointer) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        if take(UInt8(ascii: "}")) { return false }
        while true {
            guard let name = string(), take(UInt8(ascii: ":")) else { return false }
            if matches(name, key) { return true }
            guard skip(), take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// Moves to an element of the array that begins here.
    private mutating func enterArray(_ index: Int) -> Bool {
        guard take(UInt8(ascii: "[")) else { return false }
        let start = position
        var wanted = index
        if index < 0 {
            guard let count = elements() else { return false }
            wanted = count + index
            position = start
        }
        if wanted < 0 || peek() == UInt8(ascii: "]") { return false }
        for _ in 0..<wanted {
            guard skip(), take(UInt8(ascii: ",")) else { return false }
        }
        return true
    }

    /// Counts the elements of the array whose bracket was taken.
    private mutating func elements() -> Int? {
        if peek() == UInt8(ascii: "]") { return 0 }
        var count = 0
        while skip() {
            count += 1
            if take(UInt8(ascii: "]")) { return count }
            if !take(UInt8(ascii: ",")) { return nil }
        }
        return nil
    }

    private mutating func value() -> Found? {
        let first = peek()
        let start = position
        if first == UInt8(ascii: "\"") { return string().map(Found.string) }
        guard skip() else { return nil }
        return first == UInt8(ascii: "n") ? .null : .raw(start..<position)
    }

    /// Takes a string and returns what lies between its quotes.
    private mutating func string() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return start..<(position - 1)
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        position = bytes.count
        return nil
    }

    /// Takes any value. Objects and arrays are skipped by their brackets alone.
    private mutating func skip() -> Bool {
        switch peek() {
        case UInt8(ascii: "\""): return string() != nil
        case UInt8(ascii: "{"), UInt8(ascii: "["): return skipNested()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return skipNumber()
        case UInt8(ascii: "t"): return literal("true")
        case UInt8(ascii: "f"): return literal("false")
        case UInt8(ascii: "n"): return literal("null")
        default: return false
        }
    }

    private mutating func skipNested() -> Bool {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > Self.maximumDepth { return false }
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
                if depth == 0 { return true }
            case UInt8(ascii: "\""):
                if string() == nil { return false }
            default: position += 1
            }
        }
        return false
    }

    private mutating func skipNumber() -> Bool {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
            default: return true
            }
        }
        return true
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        guard bytes.count - position >= text.utf8CodeUnitCount else { return false }
        for offset in 0..<text.utf8CodeUnitCount where bytes[position + offset] != text.utf8Start[offset] {
            return false
        }
        position += text.utf8CodeUnitCount
        return true
    }

    /// Whether a string of the text, which may hold escapes, is the key.
    private func matches(_ name: Range<Int>, _ key: UnsafeRawBufferPointer) -> Bool {
        let text = UnsafeRawBufferPointer(rebasing: bytes[name])
        if !text.contains(UInt8(ascii: "\\")) { return text.elementsEqual(key) }
        var decoded = RawBytes()
        defer { decoded.free() }
        return JSONString.decode(text, into: &decoded) && decoded.bytes.elementsEqual(key)
    }
}

/// The escapes of JSON strings.
enum JSONString {
    /// Appends the text of a string's inside to `output`; false when an escape is wrong. A lone surrogate becomes U+FFFD.
    static func decode(_ text: UnsafeRawBufferPointer, into output: inout RawBytes) -> Bool {
        var position = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte != UInt8(ascii: "\\") {
                output.append(byte)
                continue
            }
            guard position < text.count else { return false }
            let escape = text[position]
            position += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(escape)
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0c)
            case UInt8(ascii: "n"): output.append(0x0a)
            case UInt8(ascii: "r"): output.append(0x0d)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                guard var scalar = hex4(text, &position) else { return false }
                if (0xd800..<0xdc00).contains(scalar) {
                    var after = position
                    if after + 2 <= text.count, text[after] == UInt8(ascii: "\\"), text[after + 1] == UInt8(ascii: "u")
                    {
                        after += 2
                        if let low = hex4(text, &after), (0xdc00..<0xe000).contains(low) {
                            scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
                            position = after
                        }
                    }
                }
                for unit in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{fffd}")! {  // every scalar has a UTF-8 form
                    output.append(unit)
                }
            default: return false
            }
        }
        return true
    }

    private static func hex4(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> UInt32? {
        guard position + 4 <= text.count else { return nil }
        var value: UInt32 = 0
        for byte in text[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }
}
