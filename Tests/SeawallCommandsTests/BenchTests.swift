// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import SeawallCommands

@Suite("seawall bench")
struct BenchTests {
    @Test("counts answers a second over its duration, not over the wait for a last late one")
    func completionRate() {
        // Two seconds of load; one request was never answered and ended eleven seconds after the start.
        var slices = (0..<11).map { Slice(second: $0) }
        slices[0].ended = [.ok: 300, .rejected: 20]
        slices[1].ended = [.ok: 280, .connection: 5]
        slices[10].ended = [.ok: 1, .timeout: 1]
        let late = BenchSummary.completionRate(slices, planned: 2_000_000_000, actual: 11_030_000_000)
        #expect(late.seconds == 2)
        #expect(late.perSecond == 300)
        // Stopped, or out of journeys, before its time.
        let short = BenchSummary.completionRate([slices[0]], planned: 2_000_000_000, actual: 800_000_000)
        #expect(short.seconds == 0.8)
        #expect(short.perSecond == 400)
    }

    @Test("refuses a think time beside a rate, which would be passed over")
    func thinkAndRate() async throws {
        let seawall = try SeawallProcess(["bench", "http://127.0.0.1:1/", "--rate", "10", "--think", "1s"])
        #expect(await seawall.exitCode() == 64)
        #expect(seawall.errors.contains("--think is for a closed load, and --rate makes it open"))
    }

    @Test("refuses flags of TLS for an address without it")
    func tlsFlags() async throws {
        let seawall = try SeawallProcess(["bench", "http://127.0.0.1:1/", "--insecure", "--alpn", "none"])
        #expect(await seawall.exitCode() == 64)
        #expect(
            seawall.errors.contains("--insecure, --alpn: only for https, and http://127.0.0.1:1/ is plain http"))
    }
}
