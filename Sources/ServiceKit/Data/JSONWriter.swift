// SPDX-License-Identifier: Apache-2.0

/// Writes JSON straight into bytes, for answers that are made thousands of times a second.
///
/// It allocates one array and nothing per member. It checks neither that names are unique nor that values stand where
/// values may stand: it is for code that knows the shape it writes. Strings may hold any text.
package struct JSONWriter: Sendable {
    /// What was written so far: UTF-8.
    package private(set) var bytes: [UInt8] = []
    /// A comma is due before the next member or element.
    private var needsComma = false

    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// An empty writer.
    ///
    /// - Parameter capacity: how many bytes to expect.
    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// What was written so far as text.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Writes `{`, the members that `body` writes, and `}`.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// Writes `[`, an element for each item, and `]`.
    package mutating func array<Items: Sequence>(
        _ items: Items, _ element: (inout JSONWriter, Items.Element) -> Void
    ) {
        nested(UInt8(ascii: "["), UInt8(ascii: "]")) { json in
            for item in items {
                element(&json, item)
            }
        }
    }

    /// Writes a member's name; the value has to follow.
    package mutating func name(_ name: StaticString) {
        separate()
        needsComma = false
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    /// Writes a string.
    package mutating func value(_ string: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { utf8 in
            var copied = 0
            for index in utf8.indices where utf8[index] < 0x20 || utf8[index] == 0x22 || utf8[index] == 0x5C {
                bytes.append(contentsOf: utf8[copied..<index])
                escape(utf8[index])
                copied = index + 1
            }
            bytes.append(contentsOf: utf8[copied...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a number.
    package mutating func value(_ number: Int) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    /// Writes `true` or `false`.
    package mutating func value(_ truth: Bool) {
        separate()
        bytes.append(contentsOf: (truth ? "true" : "false").utf8)
    }

    /// Writes an id as a string.
    package mutating func value(_ id: RecordID) {
        value(id.description)
    }

    /// Writes `null`.
    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// Writes a string, or `null` for nil.
    package mutating func value(_ string: String?) {
        if let string { value(string) } else { null() }
    }

    /// Writes a number, or `null` for nil.
    package mutating func value(_ number: Int?) {
        if let number { value(number) } else { null() }
    }

    private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5C: bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(Self.hexDigits[Int(byte >> 4)])
            bytes.append(Self.hexDigits[Int(byte & 15)])
        }
    }
}
