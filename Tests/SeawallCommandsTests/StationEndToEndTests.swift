// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import TestSupport
import Testing

@testable import SeawallCommands

@Suite("seawall run with virtual stations", .timeLimit(.minutes(3)), .serialized)
struct StationEndToEndTests {
    @Test("plays load and faults over TLS, and leaves what the stations counted and no process")
    func wholeRun() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: """
                name: queues
                seed: 3
                system:
                  tls: true
                  stations:
                    db: exp(5ms)
                    web: {slots: inf, service: 2ms}
                load:
                  all: {executor: constant-arrival-rate, rate: 50/s, duration: 5s, warmup: 1s}
                journeys:
                  read:
                    - {get: /, service: web}
                    - {get: /rows/1, service: db}
                faults:
                  - {at: 2s, for: 1s, on: db, freeze: {}}
                  - {at: 4s, for: 1s, on: web, error: {status: 500, rate: 100%}}
                """)
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        #expect(seawall.descendants().isEmpty)

        let run = try #require(try RunFile.read("\(seawall.folder.path)/out").runs.first)
        #expect(run.accounting.isBalanced && run.accounting.tlsHandshakes > 0)
        #expect(run.faults.map(\.label) == ["db: freeze", "web: error 500"])
        #expect(run.stations.map(\.name) == ["db", "web"])
        let (db, web) = (run.stations[0], run.stations[1])
        // The warm-up's fifty arrivals are not counted, and the failing second's fifty get no service.
        #expect((230...275).contains(web.arrivals) && (35...70).contains(web.failed))
        // A request that is in service when counting begins is served and has not arrived; on a busy machine there may
        // be as many as in half a second.
        #expect(web.served + web.failed <= web.arrivals + 25 && db.served <= db.arrivals + 25)
        // Who arrived at the frozen station waited; who came to it after a failure never did.
        #expect(try #require(db.waitTime.max) > 700_000_000 && db.longestQueue > 30)
        #expect(web.waitTime.max == 0 && web.utilization == nil)
        #expect(seawall.output.contains("timer late p99") || seawall.output.contains("turned away"))
        #expect(seawall.text("out/report.html").contains("timer late p99"))
    }

    @Test("stations that die end the run with their last words")
    func death() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: """
                system: {stations: {db: 5ms}}
                load:
                  all: {executor: constant-arrival-rate, rate: 20/s, duration: 20s}
                journeys:
                  read: [{get: /}]
                """)
        try await waitUntil("the stations to start") { seawall.child("station-service") != nil }
        #expect(await seawall.says("1/20 s"))
        kill(try #require(seawall.child("station-service")), SIGKILL)
        #expect(await seawall.exitCode() == 3)
        #expect(seawall.errors.contains("station-service was killed by signal 9 while it was needed"))
    }
}
