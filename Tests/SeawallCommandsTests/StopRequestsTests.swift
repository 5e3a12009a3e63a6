// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SeawallCommands

@Suite("Signals that ask to stop")
struct StopRequestsTests {
    private let start = ContinuousClock.now

    @Test("the same one twice at once, as `timeout` sends it, is one wish")
    func echo() {
        var requests = StopRequests()
        #expect(requests.take(15, at: start) == .first)
        requests.answered(at: start + .seconds(1))
        #expect(requests.take(15, at: start + .milliseconds(1_001)) == .echo)
        #expect(requests.take(15, at: start + .milliseconds(1_200)) == .again)
    }

    @Test("another one, or the same later, is a second wish")
    func again() {
        var requests = StopRequests()
        #expect(requests.take(2, at: start) == .first)
        requests.answered(at: start)
        #expect(requests.take(15, at: start + .milliseconds(1)) == .again)
        #expect(requests.take(2, at: start + .milliseconds(200)) == .again)
    }

    @Test(
        "end a run with what was measured, and with the exit code that shells know",
        arguments: [SIGHUP, SIGINT, SIGTERM])
    func exitCodes(signal: Int32) async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: """
                system: {stations: {db: 1ms}}
                load: {all: {executor: constant-arrival-rate, rate: 10/s, duration: 60s}}
                journeys: {look: [{get: /, service: db}]}
                """)
        #expect(await seawall.says("\n 1/60 s"), "\(seawall.errors)")
        seawall.send(signal)
        #expect(await seawall.exitCode() == 128 + signal)
        #expect(seawall.errors.hasSuffix("seawall: stopped; what was measured is above\n"), "\(seawall.errors)")
    }
}
