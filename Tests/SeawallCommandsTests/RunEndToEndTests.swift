// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import TestSupport
import Testing

@testable import SeawallCommands

/// A few people who read and write at a rate that any machine keeps up with.
private func script(duration: String = "3s", extra: String = "") -> String {
    """
    name: small
    system: social
    seed: 7
    population: {users: 6, friends: 2, posts: 6, comments: 6}
    load:
      people:
        executor: constant-arrival-rate
        rate: 20/s
        duration: \(duration)
        warmup: 1s
        journeys: {read: 70, write: 30}
    journeys:
      read:
        - get: /v1/timelines/home?limit=20
          service: post
          as: someone
          expect: {status: 200}
          capture: {post: "$.items[0].id"}
        - get: /v1/posts/${post}/comments
          service: comment
          as: someone
          when: ${post}
          expect: {status: 200}
      write:
        - post: /v1/posts
          service: post
          as: someone
          headers: {Idempotency-Key: '"${uuid}"'}
          json: {text: "${text(40)} from ${user.name}"}
          expect: {status: 201}
    \(extra)
    """
}

@Suite("seawall run with the real services", .timeLimit(.minutes(5)), .serialized)
struct RunEndToEndTests {
    @Test("plays a scenario with variants and a fault, and leaves a balanced record and no process")
    func wholeRun() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: script(
                duration: "5s",
                extra: """
                    faults:
                      - at: 3s
                        for: 1s
                        on: post -> comment
                        latency: {mean: 300ms, jitter: 0s}
                    policies:
                      post -> comment: {attempt-timeout: 100ms, fallback: enforced}
                    variants:
                      none: {all: disabled}
                      everything: {}
                    thresholds:
                      - success > 99%
                    """))
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        #expect(seawall.descendants().isEmpty)

        let record = try RunFile.read("\(seawall.folder.path)/out")
        #expect(record.runs.map(\.variant) == ["none", "everything"])
        #expect(record.interruption == nil)
        for run in record.runs {
            #expect(run.accounting.isBalanced)
            #expect(run.generator.verdict != .invalid, "\(run.generator.reasons)")
            #expect(run.countByOutcome().keys.filter { $0 != .ok } == [], "\(run.failureSamples)")
            // The measured activation is at its time, give or take what a busy machine adds.
            let fault = try #require(run.faults.first)
            #expect(fault.on == "post -> comment")
            #expect((3_000_000_000...3_900_000_000).contains(fault.startNanoseconds))
            #expect(try #require(fault.endNanoseconds) > fault.startNanoseconds + 900_000_000)
            #expect(run.phases.map(\.kind) == [.baseline, .fault, .recovery])
            #expect(
                run.policySamples.contains { $0.pipeline == "post -> comment" && $0.counters["calls", default: 0] > 0 })
        }
        // The same people, posts and arrivals in both: the first timeline requests are equally many.
        #expect(record.runs[0].count() > 80)
        let timeline = record.runs.map { run in
            run.count(SampleFilter(step: run.steps.firstIndex { $0.label == "GET /v1/timelines/home" }))
        }
        #expect(timeline[0] == timeline[1])
        // The fault is felt by those who wait for the slow call, and cut short for those who don't.
        func fallbacks(_ run: RunRecord) -> UInt64 {
            run.policySamples.map { $0.counters["fallbacks", default: 0] }.max() ?? 0
        }
        #expect(fallbacks(record.runs[0]) == 0)
        #expect(fallbacks(record.runs[1]) > 0)
        for file in ["run.json", "report.html", "summary.md", "junit.xml", "logs/none/post-service.log"] {
            #expect(FileManager.default.fileExists(atPath: "\(seawall.folder.path)/out/\(file)"), "\(file)")
        }
        #expect(seawall.output.contains("variants side by side"))
    }

    @Test("a service that a fault killed comes back with its policies")
    func policiesSurviveAKill() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: script(
                duration: "9s",
                extra: """
                    faults:
                      - at: 2s
                        for: 1s
                        on: post
                        kill: {}
                      - at: 6s
                        for: 3s
                        on: post -> comment
                        down: {}
                    policies:
                      post -> comment: {fallback: enforced}
                    """))
        _ = await seawall.exitCode()
        let run = try #require(try RunFile.read("\(seawall.folder.path)/out").runs.first)
        let fallbacks = run.policySamples.last { $0.pipeline == "post -> comment" }?.counters["fallbacks"] ?? 0
        // Without its policies the new process would fail these timelines instead.
        #expect(fallbacks > 0, "\(seawall.errors)")
    }

    @Test("a missed threshold ends with 1")
    func missedThreshold() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "out"],
            script: script(duration: "1s", extra: "thresholds: [p(50) < 1us]"))
        #expect(await seawall.exitCode() == 1)
        #expect(seawall.errors.hasSuffix("seawall: 1 threshold missed\n"))
    }

    @Test("Ctrl-C stops the load, reports what was measured and leaves no process")
    func interrupted() async throws {
        let seawall = try SeawallProcess(["run", "scenario.yaml", "--out", "out"], script: script(duration: "60s"))
        #expect(await seawall.says("\n 3/61 s"), "\(seawall.errors)")
        seawall.send(SIGINT)
        #expect(await seawall.exitCode() == 130)
        #expect(seawall.errors.contains("stopping; what was measured will be reported (Ctrl-C again ends at once)"))
        #expect(seawall.output.contains("Ended early: stopped by the user"))
        let record = try RunFile.read("\(seawall.folder.path)/out")
        let run = try #require(record.runs.first)
        #expect(record.interruption == "stopped by the user")
        #expect(run.accounting.isBalanced)
        #expect(run.accounting.scheduled > 20)
        #expect(seawall.descendants().isEmpty)
    }

    @Test("killed by SIGKILL it takes every service with it")
    func killed() async throws {
        let seawall = try SeawallProcess(["run", "scenario.yaml", "--out", "out"], script: script(duration: "60s"))
        #expect(await seawall.says("\n 1/61 s"), "\(seawall.errors)")
        #expect(seawall.descendants().count == 3)
        seawall.send(SIGKILL)
        #expect(await seawall.exitCode() == 128 + SIGKILL)
        while !seawall.descendants().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    }

    @Test("a service that dies ends the run with 3, says which, and keeps what was measured")
    func deadService() async throws {
        let seawall = try SeawallProcess(["run", "scenario.yaml", "--out", "out"], script: script(duration: "60s"))
        #expect(await seawall.says("\n 2/61 s"), "\(seawall.errors)")
        kill(try #require(seawall.child("comment-service")), SIGKILL)
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors.contains("\nseawall: comment-service was killed by signal 9 while it was needed\n"),
            "\(seawall.errors)")
        #expect(seawall.errors.contains("  its log is out/logs/default/comment-service.log\n"))
        let record = try RunFile.read("\(seawall.folder.path)/out")
        #expect(record.interruption == "comment-service was killed by signal 9 while it was needed")
        #expect(record.runs.first?.accounting.isBalanced == true)
        #expect(seawall.descendants().isEmpty)
    }
}
