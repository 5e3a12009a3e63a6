// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Reports

@Suite("numbers in reports")
struct FormatTests {
    @Test(
        "durations have three significant digits and the unit that suits them",
        arguments: [
            (0, "0 µs"), (1, "1 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (12_345, "12.3 µs"), (999_499, "999 µs"),
            (999_500, "1.00 ms"), (1_234_567, "1.23 ms"), (99_950_000, "100 ms"), (99_940_000, "99.9 ms"),
            (999_499_999, "999 ms"), (999_500_000, "1.00 s"), (83_200_000_000, "83.2 s"), (119_940_000_000, "120 s"),
            (125_000_000_000, "2m 05s"), (3_720_000_000_000, "1h 02m"), (.max, "5124095h 34m"),
        ] as [(UInt64, String)])
    func durations(nanoseconds: UInt64, text: String) {
        #expect(Format.duration(nanoseconds) == text)
    }

    @Test(
        "counts have a comma between thousands",
        arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] as [(UInt64, String)])
    func counts(number: UInt64, text: String) {
        #expect(Format.count(number) == text)
    }

    @Test(
        "a share is never rounded to nothing or to everything",
        arguments: [
            (0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.000_001, "<0.001 %"), (0.000_42, "0.0420 %"),
            (0.9996, "99.960 %"), (0.999_999_99, ">99.999 %"), (0.0214, "2.14 %"), (1.5, "150 %"),
        ] as [(Double, String)])
    func shares(share: Double, text: String) {
        #expect(Format.percent(share) == text)
    }

    @Test("what has no value is a dash, whatever the unit")
    func missing() {
        #expect(Format.duration(nil) == "–")
        for value: Double? in [nil, .nan, .infinity, -.infinity] {
            #expect(Format.percent(value) == "–")
            #expect(Format.rate(value) == "–")
            #expect(Format.ratio(value) == "–")
            #expect(Format.number(value) == "–")
        }
    }

    @Test("rounding that carries into a further digit does not add one")
    func carry() {
        #expect(Format.significant(9.996) == "10.0")
        #expect(Format.significant(99.96) == "100")
        #expect(Format.significant(0.099_96) == "0.100")
        #expect(Format.significant(123_456) == "123456")
        #expect(Format.fixed(-1.25, decimals: 1) == "−1.3")
        #expect(Format.fixed(-0.01, decimals: 1) == "0.0")
    }

    @Test(
        "names on an axis have no digit too many",
        arguments: [
            (0, "0"), (500, "500 ns"), (1_000, "1 µs"), (2_500_000, "2.5 ms"), (1_000_000_000, "1 s"),
            (20_000_000_000, "20 s"),
        ] as [(Double, String)])
    func axis(nanoseconds: Double, text: String) {
        #expect(Format.axisDuration(nanoseconds) == text)
    }

    @Test("bytes have binary units")
    func bytes() {
        #expect(Format.bytes(512) == "512 B")
        #expect(Format.bytes(8 << 30) == "8.00 GiB")
        #expect(Format.bytes(.max) == "16777216 TiB")
    }
}
