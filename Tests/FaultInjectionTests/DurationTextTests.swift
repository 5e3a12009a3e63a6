// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Testing

@Suite("Durations as text")
struct DurationTextTests {
    @Test(
        "numbers with units are read to the nanosecond",
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("1m30s", .seconds(90)), ("1.5s", .milliseconds(1_500)),
            ("0", .zero), ("0s", .zero), ("2h", .seconds(7_200)), ("10us", .microseconds(10)),
            ("10µs", .microseconds(10)),
            ("7ns", .nanoseconds(7)), ("1h2m3s4ms5us6ns", .nanoseconds(3_723_004_005_006)),
            ("0.000000001s", .nanoseconds(1)),
            ("10000h", DurationText.maximum), ("1.50s", .milliseconds(1_500)),
        ])
    func reads(text: String, expected: Duration) throws {
        #expect(try DurationText.parse(text) == expected)
    }

    @Test(
        "what is not a duration is refused with the reason",
        arguments: [
            ("", "empty"), ("-1s", "negative"), ("5", "no unit"), ("1.5", "no unit"), ("s", "a number and a unit"),
            ("5 s", "unknown unit ' s'"), ("5 sec", "unknown unit"), ("1s1m", "larger units first"),
            ("1s1s", "each once"),
            ("10001h", "longer than 10000h"), ("9223372036854775808h", "a number and a unit"),
            ("9999999999999999h", "longer than 10000h"), ("0.5ns", "finer than a nanosecond"),
            ("1.s", "a number and a unit"),
            (".5s", "a number and a unit"), ("1e3s", "unknown unit 'e'"), ("1..5s", "a number and a unit"),
            ("٣s", "a number and a unit"),
        ])
    func refuses(text: String, reason: String) {
        let error = #expect(throws: DurationText.Malformed.self) { try DurationText.parse(text) }
        #expect(error?.description.contains(reason) == true, "\(text): \(String(describing: error))")
    }

    @Test(
        "a duration is written shortly and read back as the same",
        arguments: [
            (Duration.zero, "0s"), (.milliseconds(250), "250ms"), (.seconds(90), "1m30s"),
            (.milliseconds(1_500), "1.5s"),
            (.microseconds(1_500), "1.5ms"), (.nanoseconds(3), "3ns"), (.nanoseconds(1_003), "1.003us"),
            (.seconds(7_200), "2h"), (.nanoseconds(1_000_000_001), "1.000000001s"), (.seconds(3_661), "1h1m1s"),
        ])
    func writes(duration: Duration, expected: String) throws {
        #expect(DurationText.format(duration) == expected)
        #expect(try DurationText.parse(expected) == duration)
    }

    @Test("a negative duration is written with a sign")
    func negative() { #expect(DurationText.format(.milliseconds(-3)) == "-3ms") }
}
