// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import SeawallCommands

@Suite("seawall explain")
struct ExplainEndToEndTests {
    @Test("says what would be played, how much at once, when what breaks and what each variant has, and starts nothing")
    func network() async throws {
        let seawall = try SeawallProcess(
            ["explain", "scenario.yaml"],
            script: """
                name: brownout
                description: Calls take a second longer.
                system: social
                seed: 7
                load:
                  people:
                    executor: constant-arrival-rate
                    rate: 150/s
                    arrivals: poisson
                    warmup: 5s
                    duration: 30s
                    journeys: {read: 90, write: 10}
                journeys:
                  read: [{get: /v1/timelines/home, service: post, as: someone}, {think: 2s}, {get: /v1/timelines/home, service: post, as: someone}]
                  write: [{post: /v1/posts, service: post, as: someone, json: {text: hello}}]
                faults: [{at: 12s, for: 10s, on: post -> comment, latency: {mean: 1s, jitter: 100ms}}]
                policies: {post -> comment: {attempt-timeout: 100ms, fallback: enforced}}
                variants:
                  none: {all: disabled}
                  shadow: {post -> comment: {attempt-timeout: shadow, fallback: disabled}}
                  everything: {}
                thresholds: [success > 99%, recovers within 5s]
                """)
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        let lines = seawall.output.split(separator: "\n").map(String.init)
        for line in [
            "brownout", "Calls take a second longer.",
            "system      the social network with 200 people, 600 posts and 1200 comments; each variant has a fresh copy",
            "plays       3 variants, one run each of 35s and what requests take to end after it; measured from 5s on; seed 7, 1 worker",
            "load        people: 150/s arrivals, poisson; 5s of warm-up; 30s",
            "              journeys: read 90.0 %, write 10.0 %",
            "arrivals    5,250 journeys, warm-up included; 9,975 requests",
            "at once     150/s journeys at the peak, 270 of them thinking at any time",
            "            285/s requests at the peak: 0.285 in flight for each millisecond that one takes, 285 for each second",
            "phases      baseline  5s … 12s", "            fault     12s … 22s", "            recovery  22s … 35s",
            "faults      12s … 22s  post -> comment: latency 1s ± 100ms",
            "variants    none: no policy is on", "            everything:", "thresholds  success > 99%",
            "            recovers within 5s",
        ] { #expect(lines.contains(line), "\(line)\n\(seawall.output)") }
        #expect(
            lines.contains { $0.hasPrefix("              post -> comment: attempt-timeout (shadow, ") },
            "\(seawall.output)")
        #expect(!FileManager.default.fileExists(atPath: "\(seawall.folder.path)/results"))
    }

    @Test("refuses a script with mistakes with 2")
    func mistakes() async throws {
        let seawall = try SeawallProcess(["explain", "scenario.yaml"], script: "system: social\n")
        #expect(await seawall.exitCode() == 2)
        #expect(seawall.errors.contains("nothing was started"))
    }
}
