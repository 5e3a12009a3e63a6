// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What the functions of templates write.
extension RawBytes {
    /// The wall clock's time.
    mutating func appendNow(_ format: Plan.Template.TimeFormat, _ escaping: Escaping) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let (seconds, milliseconds) = (UInt64(max(0, time.tv_sec)), UInt64(time.tv_nsec / 1_000_000))
        switch format {
        case .milliseconds: append(decimal: seconds * 1000 + milliseconds)
        case .seconds: append(decimal: seconds)
        case .iso:
            let start = count
            appendISO(seconds, milliseconds)
            if escaping != .none { replaceEnd(from: start, growingBy: 3) { $0.append($1, escaping) } }
        }
    }

    /// ISO 8601 in UTC. The date is that of days since 1970 in the proleptic Gregorian calendar, by years that begin in March (Hinnant,
    /// "chrono-compatible low-level date algorithms").
    mutating func appendISO(_ seconds: UInt64, _ milliseconds: UInt64) {
        let days = seconds / 86_400 + 719_468
        let (era, dayOfEra) = (days / 146_097, days % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        append(padded: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), digits: 4)
        append(UInt8(ascii: "-"))
        append(padded: month, digits: 2)
        append(UInt8(ascii: "-"))
        append(padded: dayOfYear - (153 * fromMarch + 2) / 5 + 1, digits: 2)
        append(UInt8(ascii: "T"))
        append(padded: seconds / 3_600 % 24, digits: 2)
        append(UInt8(ascii: ":"))
        append(padded: seconds / 60 % 60, digits: 2)
        append(UInt8(ascii: ":"))
        append(padded: seconds % 60, digits: 2)
        append(UInt8(ascii: "."))
        append(padded: milliseconds, digits: 3)
        append(UInt8(ascii: "Z"))
    }

    private mutating func append(padded value: UInt64, digits: Int) {
        var divisor: UInt64 = 1
        for _ in 1..<digits {
            divisor *= 10
            if value < divisor { append(UInt8(ascii: "0")) }
        }
        append(decimal: value)
    }

    /// Base64 with padding (RFC 4648, section 4).
    mutating func appendBase64(_ bytes: UnsafeRawBufferPointer, _ escaping: Escaping) {
        var position = 0
        while position < bytes.count {
            let rest = bytes.count - position
            let word =
                UInt32(bytes[position]) << 16 | (rest > 1 ? UInt32(bytes[position + 1]) << 8 : 0)
                | (rest > 2 ? UInt32(bytes[position + 2]) : 0)
            for place in 0..<4 {
                let isPadding = place > rest
                append(digit: isPadding ? 64 : Int(word >> UInt32(18 - 6 * place) & 63), escaping)
            }
            position += 3
        }
    }

    private mutating func append(digit: Int, _ escaping: Escaping) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
        withUnsafeBytes(of: alphabet.utf8Start[digit]) { append($0, escaping) }  // digit is 0…64
    }
}
