// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

@Suite("Call rates")
struct CallRateTests {
    @Test(
        "are read from text, whole numbers or three decimals",
        arguments: [
            ("100/s", 100, Duration.seconds(1)), ("3/m", 3, .seconds(60)), ("5000/h", 5000, .seconds(3600)),
            ("1/250ms", 1, .milliseconds(250)), ("0.5/s", 1, .seconds(2)), ("2.5/s", 1, .milliseconds(400)),
            ("0.001/s", 1, .seconds(1000)), ("1000000/s", 1_000_000, .seconds(1)),
        ])
    func read(text: String, calls: Int, period: Duration) {
        #expect(CallRate(text) == CallRate(calls, per: period))
    }

    @Test(
        "refuse what is no rate, without a trap",
        arguments: [
            "", "/", "100", "/s", "100/", "-1/s", "0/s", "1.2345/s", "1e3/s", "100/x", "100/s/s", "1000001/s", "1/25h",
            "1/0s",
            "1/100us", "99999999999999999999/s", "1.5/99999999h", " 1/s", "1./s", ".5/s", "٣/s",
        ])
    func refuse(text: String) {
        #expect(CallRate(text) == nil)
    }

    @Test("are written as they are read", arguments: ["100/s", "3/m", "5000/h", "1/250ms", "1/2s"])
    func write(text: String) {
        #expect(CallRate(text)?.description == text)
    }

    @Test("assume a burst of one second's calls, at least one")
    func burst() {
        #expect(CallRate.perSecond(100).callsInOneSecond == 100)
        #expect(CallRate(3, per: .seconds(60)).callsInOneSecond == 1)
        #expect(CallRate(5, per: .milliseconds(10)).callsInOneSecond == 500)
    }
}
