// SPDX-License-Identifier: Apache-2.0

/// Reads what a callee says about when to come back: the Retry-After header field of HTTP (RFC 9110, section 10.2.3).
public enum RetryAfter {
    /// The pause that a callee asks for.
    ///
    /// A date has whole seconds and the clocks of two machines differ; where the answer carries its own Date, the
    /// difference of the two is the pause that was meant. Rounded in neither case, so never early.
    ///
    /// - Parameters:
    ///   - text: A number of seconds (`120`), or a date in one of HTTP's three forms: `Fri, 31 Dec 1999 23:59:59 GMT`,
    ///     `Friday, 31-Dec-99 23:59:59 GMT`, `Fri Dec 31 23:59:59 1999`. Blanks around it don't matter.
    ///   - date: The Date field of the same answer, if it has one; one that can't be read counts as missing.
    ///   - now: The time since 1970-01-01 00:00 UTC by this machine's clock; used for dates when there is no `date`.
    /// - Returns: Zero for a date that has passed; nil for what is neither a number nor a date.
    public static func parse(_ text: String, date: String? = nil, now: Duration) -> Duration? {
        let text = HTTPDate.trimmed(text[...])
        if let first = text.utf8.first, first &- 48 < 10 {
            guard text.utf8.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
            // Digits that don't fit mean "for ever".
            return .seconds(Int64(text) ?? .max / 1_000_000_000)
        }
        guard let then = HTTPDate.seconds(text, now: now) else { return nil }
        let reference = date.flatMap { HTTPDate.seconds(HTTPDate.trimmed($0[...]), now: now) }
        return max(.zero, .seconds(then) - (reference.map { .seconds($0) } ?? now))
    }
}

/// Dates as HTTP writes them (RFC 9110, section 5.6.7), without Foundation.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let longDays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    /// The text without spaces and tabs around it.
    static func trimmed(_ text: Substring) -> Substring {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        let start = text.drop(while: isBlank)
        return start.last.map(isBlank) == true ? trimmed(start.dropLast()) : start
    }

    /// Seconds since 1970-01-01 00:00 UTC; nil for what is no date.
    ///
    /// - Parameter now: Decides the century of years with two digits: the one that is nearest, so that a year which seems
    ///   to be more than 50 years away is one of the past.
    static func seconds(_ text: Substring, now: Duration) -> Int64? {
        let words = text.split(separator: " ")
        switch words.count {
        case 6 where words[0].last == "," && words[5] == "GMT" && days.contains(String(words[0].dropLast())):
            return instant(year: number(words[3], digits: 4), words[2], day: number(words[1], digits: 2), words[4])
        case 5 where days.contains(String(words[0])):
            // A day below ten has a blank or a zero in front of it.
            let day = number(words[2], digits: 2) ?? number(words[2], digits: 1)
            return instant(year: number(words[4], digits: 4), words[1], day: day, words[3])
        case 4 where words[0].last == "," && words[3] == "GMT" && longDays.contains(String(words[0].dropLast())):
            let parts = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 3, let short = number(parts[2], digits: 2) else { return nil }
            let day = number(parts[0], digits: 2)
            let thisYear = civilYear(ofDay: now.components.seconds / 86_400)
            var year = thisYear - thisYear % 100 + short
            if year > thisYear + 50 { year -= 100 } else if year <= thisYear - 50 { year += 100 }
            return instant(year: year, parts[1], day: day, words[2])
        default: return nil
        }
    }

    private static func instant(
        year: Int64?, _ month: Substring, day: Int64?, _ time: Substring
    ) -> Int64? {
        let parts = time.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let year, let day, let index = months.firstIndex(of: String(month)),
            let hour = number(parts[0], digits: 2), let minute = number(parts[1], digits: 2),
            let second = number(parts[2], digits: 2)
        else { return nil }
        let month = Int64(index) + 1
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length: Int64 = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        // A leap second is 60.
        guard (1...length).contains(day), hour < 24, minute < 60, second <= 60 else { return nil }
        return dayNumber(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// Exactly so many digits.
    private static func number(_ text: Substring, digits: Int) -> Int64? {
        guard text.utf8.count == digits, text.utf8.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        return Int64(text)
    }

    /// Days since 1970-01-01 in the Gregorian calendar. Years start in March here, so that the leap day is a year's
    /// last: the days before month m are then (153 m + 2) / 5.
    private static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }

    /// The year that a day since 1970-01-01 lies in.
    private static func civilYear(ofDay day: Int64) -> Int64 {
        var year = 1970 + day / 366
        while dayNumber(year: year + 1, month: 1, day: 1) <= day { year += 1 }
        return year
    }
}
