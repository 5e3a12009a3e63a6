// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Cancellation storms in a pipeline", .timeLimit(.minutes(1)))
struct CancellationStormTests {
    @Test(
        "callers give up wherever they wait: each is answered once, and nothing stays taken",
        arguments: [
            ["bulkhead": ["limit": 2, "queue": 50, "max-wait": "5ms"]],
            ["adaptive-limit": ["algorithm": "aimd", "initial": 2, "max": 2, "queue": 50, "max-wait": "5ms"]],
            ["rate-limiter": ["rate": "2000/s", "burst": 2, "max-wait": "20ms"]],
            ["load-shedder": ["limit": 2, "queue": 50]],
            ["load-shedder": ["limit": "adaptive", "queue": 50], "adaptive-limit": ["initial": 2, "max": 3]],
            [
                "load-shedder": ["limit": 8, "queue": 20], "deadline": "50ms", "retry": ["backoff": "1ms"],
                "circuit-breaker": [:], "adaptive-throttle": [:],
                "rate-limiter": ["rate": "5000/s", "max-wait": "5ms"],
                "bulkhead": ["limit": 4, "queue": 10], "adaptive-limit": ["initial": 3, "max": 4, "queue": 4],
                "attempt-timeout": "10ms",
            ],
        ] as [ConfigurationValue])
    func storm(_ policies: ConfigurationValue) async throws {
        let registry = ResilienceRegistry(seed: 7)
        try registry.apply(PolicyEdits(["p": policies]))
        let pipeline = registry.pipeline("p")
        let answers = EventRecorder<Bool>()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                let caller = Task {
                    let answer: Void? = try? await pipeline.execute(idempotency: .safe) { _ in
                        for _ in 0..<number % 5 { await Task.yield() }
                    }
                    answers.record(answer != nil)
                }
                group.addTask {
                    for _ in 0..<number % 17 { await Task.yield() }
                    if number % 3 != 0 { caller.cancel() }
                    await caller.value
                }
            }
        }
        #expect(answers.all.count == 300)
        #expect(pipeline.bulkhead.status.inFlight == 0)
        #expect(pipeline.bulkhead.status.queued == 0)
        #expect(pipeline.adaptiveLimit.status.inFlight == 0)
        #expect(pipeline.adaptiveLimit.status.queued == 0)
        #expect(pipeline.rateLimiter.status.waiting == 0)
        #expect(pipeline.loadShedder.status.inFlight == 0)
        #expect(pipeline.loadShedder.status.queued == 0)
        #expect(pipeline.counters.calls == 300)
    }

    @Test("a limit that changes and modes that change while calls come and go lose no slot")
    func changing() async throws {
        let registry = ResilienceRegistry(seed: 7)
        let pipeline = registry.pipeline("p")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 { _ = try? await pipeline.execute { _ in await Task.yield() } }
                }
            }
            group.addTask {
                for turn in 0..<100 {
                    let mode = ["enforced", "shadow", "enforced", "disabled"][turn % 4]
                    _ = try? registry.apply(
                        PolicyEdits([
                            "p": [
                                "bulkhead": ["limit": .int(1 + turn % 3), "queue": 2, "mode": .string(mode)],
                                "adaptive-limit": ["initial": 2, "max": 2, "queue": 1, "mode": .string(mode)],
                                "load-shedder": ["limit": 3, "mode": .string(mode)],
                            ]
                        ]))
                    await Task.yield()
                }
            }
        }
        try registry.apply(PolicyEdits(["p": ["bulkhead": ["limit": 2, "queue": 0]]]))
        #expect(pipeline.bulkhead.status == .init(inFlight: 0, queued: 0, limit: 2))
        #expect(pipeline.adaptiveLimit.status.inFlight == 0)
        #expect(pipeline.loadShedder.status.inFlight == 0)
        #expect(try await pipeline.execute { _ in 1 } == 1)
    }
}
