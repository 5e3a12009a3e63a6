// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import HTTPTypes
import Testing

@testable import ServiceKit

@Suite("Faults inside a service")
struct InServiceFaultsTests {
    @Test("without faults nothing happens")
    func none() async throws {
        try await InServiceFaults().strike(method: .get, path: "/v1/x")
    }

    @Test("an error answers in the service's place, and stops when it is taken away")
    func error() async throws {
        let faults = InServiceFaults()
        faults.set(FaultDecider(faults: [ServiceFault(kind: .error(status: 502))]))
        let problem = await #expect(throws: Problem.self) { try await faults.strike(method: .get, path: "/v1/x") }
        #expect(problem?.status.code == 502)
        faults.set(FaultDecider(faults: []))
        try await faults.strike(method: .get, path: "/v1/x")
    }

    @Test("a request that hangs is let go when the faults change", .timeLimit(.minutes(1)))
    func hang() async throws {
        let faults = InServiceFaults()
        faults.set(FaultDecider(faults: [ServiceFault(kind: .hang)]))
        async let stuck: Void = faults.strike(method: .get, path: "/v1/x")
        faults.set(FaultDecider(faults: []))
        // It either came before the change and is let go with a problem, or after it and passes.
        do { try await stuck } catch { #expect(error is Problem) }
    }

    @Test("a request that hangs ends when its task is cancelled", .timeLimit(.minutes(1)))
    func cancelledHang() async throws {
        let faults = InServiceFaults()
        faults.set(FaultDecider(faults: [ServiceFault(kind: .hang)]))
        let task = Task { try await faults.strike(method: .get, path: "/v1/x") }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("how many faults are set, and whom each kind struck, is measured")
    func metrics() async throws {
        let registry = PrometheusRegistry()
        let faults = InServiceFaults(metrics: registry)
        #expect(registry.exposition().contains("resilience_fault_active 0"))
        faults.set(
            FaultDecider(faults: [
                ServiceFault(kind: .latency(mean: .microseconds(1), jitter: .zero)),
                ServiceFault(kind: .error(status: 502)), ServiceFault(kind: .hang, rate: 0),
            ]))
        for _ in 0..<3 {
            await #expect(throws: Problem.self) { try await faults.strike(method: .get, path: "/v1/x") }
        }
        let text = registry.exposition()
        #expect(text.contains("resilience_fault_active 2"))
        #expect(text.contains("resilience_fault_injected_total{kind=\"latency\"} 3"))
        #expect(text.contains("resilience_fault_injected_total{kind=\"error\"} 3"))
        faults.set(FaultDecider(faults: []))
        #expect(registry.exposition().contains("resilience_fault_active 0"))
    }
}
