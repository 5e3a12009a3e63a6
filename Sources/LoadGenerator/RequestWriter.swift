// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension RawBytes {
    /// Appends a request's bytes, drawing what is random from the session. Allocates only to grow beyond the largest request so far.
    ///
    /// `jar` has the session's cookies; nil for a plan without.
    mutating func write(
        _ segments: UnsafeBufferPointer<CompiledSegment>, session: UnsafeMutablePointer<Session>, plan: CompiledPlan,
        jar: CookieJar? = nil, target: Int32 = 0
    ) {
        var lengthAt = -1
        var bodyAt = -1
        for segment in segments {
            switch segment {
            case .literal(let bytes): append(bytes)
            case .variable(let index, let escaping): append(session.pointee.value(of: index), escaping)
            case .user(let column, let escaping):
                let table = plan.journeys[Int(session.pointee.journey)].userTable
                append(plan.tables[Int(table)].cell(row: session.pointee.userRow, column: column), escaping)
            case .random(let number, let column, let escaping):
                let table = plan.tables[Int(number)]
                append(table.cell(row: table.draw(&session.pointee.random), column: column), escaping)
            case .uuid: appendUUID(&session.pointee.random)
            case .feeder(let number, let column, let escaping):
                let row = session.pointee.rows?[Int(number)] ?? -1
                if row >= 0 {
                    append(plan.tables[Int(plan.feeders[Int(number)].table)].cell(row: row, column: column), escaping)
                }
            case .counter:
                append(decimal: session.pointee.firstCounter &+ session.pointee.drawnCounters)
                session.pointee.drawnCounters &+= 1
            case .now(let format, let escaping): appendNow(format, escaping)
            case .base64(let inner, let escaping):
                let start = count
                write(inner, session: session, plan: plan)
                replaceEnd(from: start, growingBy: 4) { $0.appendBase64($1, escaping) }
            case .ownOrigin(let origins): removeOrigin(origins)
            case .cookies:
                jar?.write(to: &self, target: plan.targets[Int(target)])
            case .cookiePath: jar?.begin(bytes)
            case .randomInteger(let low, let span):
                let drawn = span == .max ? session.pointee.random.next() : session.pointee.random.below(span + 1)
                append(signed: low &+ Int(bitPattern: UInt(drawn)))
            case .randomText(let length, let escaping): appendText(length, escaping, &session.pointee.random)
            case .contentLength:
                lengthAt = count
                append("          ")
            case .bodyStart: bodyAt = count
            }
        }
        if lengthAt >= 0 { writeLength(count - bodyAt, at: lengthAt) }
    }

    /// Replaces the bytes from `start` on with what `write` appends of them, by way of the bytes behind them, so that nothing is
    /// allocated for it.
    ///
    /// - Parameter factor: A byte comes to no more than this number of bytes, and the last one to no more than twice as many.
    mutating func replaceEnd(
        from start: Int, growingBy factor: Int, _ write: (inout RawBytes, UnsafeRawBufferPointer) -> Void
    ) {
        let end = count
        reserve((end - start + 3) * factor)
        // Stays valid while `write` appends: there is room.
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        write(&self, text)
        removeSubrange(start..<end)
    }

    /// Makes a path of the URL that stands after the method, when it leads to where the request goes anyway: `GET http://host/a`
    /// becomes `GET /a`.
    private mutating func removeOrigin(_ origins: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        guard let space = bytes.firstIndex(of: 0x20) else { return }
        let url = UnsafeRawBufferPointer(rebasing: bytes[(space + 1)...])
        for origin in origins where url.count >= origin.count {
            let isOwn = zip(url, origin).allSatisfy { byte, expected in
                byte == expected || byte >= 0x41 && byte <= 0x5a && byte | 0x20 == expected
            }
            guard isOwn else { continue }
            let next = url.count > origin.count ? url[origin.count] : 0
            if next == UInt8(ascii: "/") {
                removeSubrange(space + 1..<space + 1 + origin.count)
                return
            }
            if next == 0 || next == UInt8(ascii: "?") {
                // An origin is never empty: its last byte makes room for the path's only one.
                replace(at: space + origin.count, with: UInt8(ascii: "/"))
                removeSubrange(space + 1..<space + origin.count)
                return
            }
        }
    }

    /// Right-aligned in ten places: white space before a field's value is allowed (RFC 9110, 5.5).
    private mutating func writeLength(_ length: Int, at offset: Int) {
        var rest = length
        var place = offset + 9
        repeat {
            replace(at: place, with: 0x30 + UInt8(rest % 10))
            rest /= 10
            place -= 1
        } while rest > 0 && place >= offset
    }

    private mutating func append(signed value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: UInt64(value.magnitude))
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer, _ escaping: Escaping) {
        switch escaping {
        case .none: append(bytes)
        case .percent, .url:
            for byte in bytes {
                // What comes behind it is for the reader of an answer, not for the server.
                if escaping == .url, byte == UInt8(ascii: "#") { break }
                if escaping == .url ? byte > 0x20 && byte < 0x7f : Self.isUnreserved(byte) {
                    append(byte)
                } else {
                    append(UInt8(ascii: "%"))
                    append(Self.hexDigit(byte >> 4, upperCase: true))
                    append(Self.hexDigit(byte & 15, upperCase: true))
                }
            }
        case .header:
            for byte in bytes where byte >= 0x20 && byte != 0x7f { append(byte) }
        case .json:
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    append(UInt8(ascii: "\\"))
                    append(byte)
                case 0..<0x20:
                    append("\\u00")
                    append(Self.hexDigit(byte >> 4))
                    append(Self.hexDigit(byte & 15))
                default: append(byte)
                }
            }
        }
    }

    /// A version 4 UUID.
    private mutating func appendUUID(_ random: inout SeededRandom) {
        let high = random.next() & 0xffff_ffff_ffff_0fff | 0x4000
        let low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 { append(UInt8(ascii: "-")) }
            let word = nibble < 16 ? high : low
            append(Self.hexDigit(UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (nibble & 15))) & 15))
        }
    }

    /// Words of three to eight lower-case letters, `length` characters in all.
    private mutating func appendText(_ length: Int, _ escaping: Escaping, _ random: inout SeededRandom) {
        var written = 0
        var word = 3 + random.below(6)
        while written < length {
            written += 1
            if word == 0 && written < length {
                word = 3 + random.below(6)
                if escaping == .percent { append("%20") } else { append(UInt8(ascii: " ")) }
            } else {
                word -= word == 0 ? 0 : 1
                append(UInt8(ascii: "a") + UInt8(random.below(26)))
            }
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func hexDigit(_ value: UInt8, upperCase: Bool = false) -> UInt8 {
        value < 10 ? 0x30 + value : (upperCase ? 0x41 : 0x61) + value - 10
    }
}
