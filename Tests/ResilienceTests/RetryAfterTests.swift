// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Retry-After as HTTP writes it")
struct RetryAfterTests {
    /// 1999-12-31 23:00:00 UTC.
    let now = Duration.seconds(946_681_200)

    @Test(
        "seconds and the three forms of a date are read (Polly #414: the date form is forgotten)",
        arguments: [
            ("120", 120), ("0", 0), (" 7\t", 7), ("007", 7),
            ("Fri, 31 Dec 1999 23:59:59 GMT", 3_599), ("Friday, 31-Dec-99 23:59:59 GMT", 3_599),
            ("Fri Dec 31 23:59:59 1999", 3_599), ("Sat Jan  1 00:00:01 2000", 3_601),
            ("Sat, 01 Jan 2000 00:00:00 GMT", 3_600), ("Saturday, 01-Jan-00 00:00:00 GMT", 3_600),
            // A leap second.
            ("Fri, 31 Dec 1999 23:59:60 GMT", 3_600),
            // 29 February of a year that only the rule of 400 makes a leap year.
            ("Tue, 29 Feb 2000 00:00:00 GMT", 3_600 + 59 * 86_400),
        ])
    func readable(text: String, seconds: Int) {
        #expect(RetryAfter.parse(text, now: now) == .seconds(seconds))
    }

    @Test(
        "a date that has passed asks for no pause",
        arguments: ["Fri, 31 Dec 1999 22:59:59 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "Thu Jan  1 00:00:00 1970"])
    func passed(text: String) {
        #expect(RetryAfter.parse(text, now: now) == .zero)
    }

    @Test(
        "what is neither a number nor a date is nil, not zero",
        arguments: [
            "", " ", "-1", "+1", "1.5", "12 s", "soon", "Fri, 31 Dec 1999 23:59:59 CET", "Fri, 31 Dec 1999 23:59:59",
            "Fri, 31 Dez 1999 23:59:59 GMT", "Fre, 31 Dec 1999 23:59:59 GMT", "Fri, 32 Dec 1999 23:59:59 GMT",
            "Mon, 29 Feb 1999 00:00:00 GMT", "Thu, 29 Feb 1900 00:00:00 GMT", "Fri, 31 Apr 1999 00:00:00 GMT",
            "Fri, 31 Dec 1999 24:00:00 GMT", "Fri, 31 Dec 1999 23:60:00 GMT", "Fri, 31 Dec 1999 23:59:61 GMT",
            "Fri, 31 Dec 99 23:59:59 GMT", "Fri, 00 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-1999 23:59:59 GMT",
            "Fri Dec 31 23:59:59 1999 GMT", "Fri, 31 Dec 1999 23:59 GMT", "１２０", "Fri, +1 Dec 1999 23:59:59 GMT",
        ])
    func unreadable(text: String) {
        #expect(RetryAfter.parse(text, now: now) == nil)
    }

    @Test("a date is never early by a fraction of a second (dotnet/extensions #7001)")
    func fractions() {
        let pause = RetryAfter.parse("Fri, 31 Dec 1999 23:00:10 GMT", now: now + .milliseconds(250))
        #expect(pause == .milliseconds(9_750))
    }

    @Test("the answer's own date counts more than this machine's clock")
    func ownDate() {
        let text = "Fri, 31 Dec 1999 23:10:00 GMT"
        #expect(RetryAfter.parse(text, date: "Fri, 31 Dec 1999 23:09:30 GMT", now: now) == .seconds(30))
        #expect(RetryAfter.parse(text, date: "yesterday", now: now) == .seconds(600))
    }

    @Test("a year of two digits that seems more than 50 years away is one of the past")
    func shortYears() {
        // 2026-01-01: 76 is 2076, 77 would be 2077 and is 1977.
        let now = Duration.seconds(1_767_225_600)
        #expect(RetryAfter.parse("Wednesday, 01-Jan-76 00:00:00 GMT", now: now) == .seconds(1_577_836_800))
        #expect(RetryAfter.parse("Saturday, 01-Jan-77 00:00:00 GMT", now: now) == .zero)
    }

    @Test("more seconds than fit mean for ever")
    func endless() throws {
        let pause = try #require(RetryAfter.parse("99999999999999999999999999", now: now))
        #expect(pause > .seconds(3_600 * 24 * 365 * 200))
        #expect(pause.nanosecondsSaturated > 0)
    }

    @Test("days are counted as one counts them by hand", arguments: Seeds.some(20))
    func calendar(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let year = random.int(in: 1970...2200)
        let month = random.int(in: 1...12)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && year % 100 != 0 || year % 400 == 0 }
        func lengths(_ year: Int) -> [Int] { [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] }
        let day = random.int(in: 1...lengths(year)[month - 1])
        var days = day - 1
        for earlier in 1970..<year { days += isLeap(earlier) ? 366 : 365 }
        for earlier in 1..<month { days += lengths(year)[earlier - 1] }
        let text = "Mon, \(day < 10 ? "0" : "")\(day) \(months[month - 1]) \(year) 00:00:00 GMT"
        #expect(RetryAfter.parse(text, now: .zero) == .seconds(days * 86_400), "seed \(seed): \(text)")
    }
}
