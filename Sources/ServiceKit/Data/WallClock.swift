// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The time of day, for what people read and for expiry. Durations are measured with monotonic clocks instead.
package enum WallClock {
    /// Milliseconds since 1970.
    @Sendable package static func milliseconds() -> Int64 {
        Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))
    }

    /// A moment as ISO 8601 in UTC with milliseconds, `2026-01-31T09:05:00.250Z`.
    ///
    /// - Parameter milliseconds: since 1970; the years 0 to 9999 are printed right.
    package static func text(_ milliseconds: Int64) -> String {
        let (day, millisecondOfDay) = milliseconds.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, dayOfMonth) = civilDate(dayNumber: day)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var position = 0
            func put(_ value: Int64, digits: Int, then separator: Character) {
                var rest = value
                for index in stride(from: position + digits - 1, through: position, by: -1) {
                    buffer[index] = 48 + UInt8(rest % 10)
                    rest /= 10
                }
                // safe because every separator below is an ASCII literal
                buffer[position + digits] = separator.asciiValue!
                position += digits + 1
            }
            put(year, digits: 4, then: "-")
            put(month, digits: 2, then: "-")
            put(dayOfMonth, digits: 2, then: "T")
            put(millisecondOfDay / 3_600_000, digits: 2, then: ":")
            put(millisecondOfDay / 60_000 % 60, digits: 2, then: ":")
            put(millisecondOfDay / 1000 % 60, digits: 2, then: ".")
            put(millisecondOfDay % 1000, digits: 3, then: "Z")
            return position
        }
    }

    /// The date of a day counted from 1970-01-01 in the proleptic Gregorian calendar.
    ///
    /// Eras of 400 years have 146,097 days; a year begins in March, so that the leap day is its last
    /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
    private static func civilDate(dayNumber: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (dayNumber + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = min(max(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 0), 9999)
        return (year, month, day)
    }
}

extension Int64 {
    /// Division that rounds towards minus infinity, so that the remainder is never negative.
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
