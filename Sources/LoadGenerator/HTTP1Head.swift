// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the engine needs from a response's head.
///
/// A head that has not come in whole is read on where the last call stopped, at the start of a line, so that a server that sends
/// line by line or byte by byte does not make every piece cost a new reading of all that came before.
struct HTTP1Head: BitwiseCopyable {
    enum Result {
        case incomplete
        case malformed(HTTP1Problem)
        /// Length of the head with its empty line.
        case complete(Int)
    }

    private(set) var status: Int16 = 0
    private(set) var keepsAlive = true
    private(set) var contentLength: UInt64?
    private(set) var hasTransferEncoding = false
    private(set) var isChunked = false
    /// A `connection` header with `close` was there; another one with `keep-alive` does not take it back.
    private var closes = false
    /// Start of the first line that was not read; 0 before the status line.
    private var position = 0
    /// Bytes in which no further line ends.
    private var searched = 0

    /// Whether a call has found it incomplete, after its first bytes.
    var isBegun: Bool { searched > 0 }

    /// Reads a head from the start of `bytes`, which hold what earlier calls found incomplete, and more.
    mutating func parse(_ bytes: UnsafeRawBufferPointer) -> Result {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return .incomplete }
        let count = bytes.count
        if position == 0 {
            switch parseStatusLine(base, count) {
            case .complete: break
            case let other: return other
            }
            guard let next = lineEnd(base, count, from: max(12, searched)) else { return incomplete(count) }
            position = next
        }
        // Line by line, and only whole lines: what a head comes to does not depend on how its bytes were cut.
        while let next = lineEnd(base, count, from: max(position, searched)) {
            let start = position
            let first = base[start]
            position = next
            if first == 0x0a || (first == 0x0d && next == start + 2) { return .complete(next) }
            // Obsolete line folding: more of the previous value, which none of the headers read here may have.
            if first == 0x20 || first == 0x09 { continue }
            var colon = start
            while isToken(base[colon]) { colon += 1 }  // ends at the line feed at the latest
            if base[colon] != 0x3a || colon == start { return .malformed(.badHeaderName) }
            let name = UnsafeRawBufferPointer(start: base + start, count: colon - start)
            if let problem = read(name: name, value: trimmed(base, colon + 1, next)) { return .malformed(problem) }
        }
        return incomplete(count)
    }

    private mutating func incomplete(_ count: Int) -> Result {
        searched = count
        return .incomplete
    }

    /// `HTTP/1.1 200 OK`: fails as early as the bytes allow.
    private mutating func parseStatusLine(_ base: UnsafePointer<UInt8>, _ count: Int) -> Result {
        let version: StaticString = "HTTP/1."
        if memcmp(base, version.utf8Start, min(count, 7)) != 0 { return .malformed(.notHTTP) }
        if count > 7, base[7] != 0x31, base[7] != 0x30 { return .malformed(.notHTTP) }
        if count > 8, base[8] != 0x20 { return .malformed(.notHTTP) }
        var value: Int16 = 0
        for position in 9..<max(9, min(count, 12)) {
            let digit = base[position]
            guard digit >= 0x30, digit <= 0x39 else { return .malformed(.badStatus) }
            value = value * 10 + Int16(digit - 0x30)
        }
        if count < 13 { return .incomplete }
        let after = base[12]
        if value < 100 || (after != 0x20 && after != 0x0d && after != 0x0a) { return .malformed(.badStatus) }
        status = value
        keepsAlive = base[7] == 0x31
        return .complete(0)
    }

    /// Takes what matters from one header. Chosen by length first: most headers are of no interest.
    private mutating func read(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) -> HTTP1Problem? {
        switch name.count {
        case 10 where equals(name, "connection"):
            if containsToken(value, "close") {
                closes = true
                keepsAlive = false
            } else if !closes, containsToken(value, "keep-alive") {
                keepsAlive = true
            }
        case 14 where equals(name, "content-length"):
            guard let length = decimal(value), contentLength == nil || contentLength == length else {
                return .badContentLength
            }
            contentLength = length
        case 17 where equals(name, "transfer-encoding"):
            hasTransferEncoding = true
            let last = value.count < 7 ? value : UnsafeRawBufferPointer(rebasing: value[(value.count - 7)...])
            isChunked = equals(last, "chunked")
        default: break
        }
        return nil
    }
}

extension HTTP1Head {
    /// Calls `body` with the value of each header with this name, which is in lower case.
    static func forEachValue(
        of name: StaticString, in head: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var rest = head
        while let value = value(of: name, in: rest), let base = value.baseAddress, let start = rest.baseAddress {
            body(value)
            rest = UnsafeRawBufferPointer(rebasing: rest[(base + value.count - start)...])
        }
    }

    /// Value of the first header with this name, which is in lower case, in a head that was read before.
    static func value(of name: UnsafeRawBufferPointer, in head: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let base = head.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        var position = 0
        while let end = lineEnd(base, head.count, from: position) {
            let nameEnd = position + name.count
            if nameEnd < end, base[nameEnd] == 0x3a {
                let matches = (0..<name.count).allSatisfy { lowerCase(base[position + $0]) == name[$0] }
                if matches { return trimmed(base, nameEnd + 1, end) }
            }
            position = end
        }
        return nil
    }
}

// MARK: Bytes

@inline(__always)
private func lowerCase(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }

/// Position after the line feed that ends the line, or nil.
private func lineEnd(_ base: UnsafePointer<UInt8>, _ count: Int, from: Int) -> Int? {
    guard let found = memchr(base + from, 0x0a, count - from) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base) + 1
}

/// The value between two positions without the white space around it. `end` lies after the line feed.
private func trimmed(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
    var (first, last) = (start, end - 1)
    while last > first, base[last - 1] == 0x0d || base[last - 1] == 0x20 || base[last - 1] == 0x09 { last -= 1 }
    while first < last, base[first] == 0x20 || base[first] == 0x09 { first += 1 }
    return UnsafeRawBufferPointer(start: base + first, count: last - first)
}

/// Characters of a header's name (RFC 9110, 5.6.2).
@inline(__always)
private func isToken(_ byte: UInt8) -> Bool {
    // Nearly every name is made of letters and hyphens, which two comparisons tell.
    (byte | 0x20) &- 0x61 < 26 || byte == 0x2d || isRareToken(byte)
}

private func isRareToken(_ byte: UInt8) -> Bool {
    // ! # $ % & ' * + - . 0-9 below 64; A-Z ^ _ ` a-z | ~ above.
    let low: UInt64 = 0x03ff_6cfa_0000_0000
    let high: UInt64 = 0x57ff_ffff_c7ff_fffe
    if byte >= 128 { return false }
    return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1
}

/// Whether the bytes are the text, which is given in lower case, in any case.
func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for position in 0..<bytes.count {
        if lowerCase(bytes[position]) != text.utf8Start[position] { return false }
    }
    return true
}

/// Whether a comma-separated list holds the token, which is in lower case.
private func containsToken(_ list: UnsafeRawBufferPointer, _ token: StaticString) -> Bool {
    if equals(list, token) { return true }
    guard let base = list.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
    var start = 0
    for position in 0...list.count where position == list.count || base[position] == 0x2c {
        // One past the item's end stands where `trimmed` expects the line feed.
        if equals(trimmed(base, start, position + 1), token) { return true }
        start = position + 1
    }
    return false
}

/// A number of decimal digits alone, below 10^18.
private func decimal(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
    guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        value = value * 10 + UInt64(byte - 0x30)
    }
    return value
}
