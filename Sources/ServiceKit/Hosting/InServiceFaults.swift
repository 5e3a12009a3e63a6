// SPDX-License-Identifier: Apache-2.0

package import CoreMetrics
package import FaultInjection
internal import HTTPTypes
internal import Metrics
internal import Synchronization

/// The faults that are set inside this service, and their effect on requests.
///
/// Says of itself `resilience_fault_active`, how many faults are set, and `resilience_fault_injected_total` by `kind`, the
/// requests that each kind struck: whoever sees a service fail sees whether it was made to.
///
/// Safe from any thread. A change concerns the requests that come after it, and ends hangs.
package final class InServiceFaults: Sendable {
    private struct State {
        var decider = FaultDecider(faults: [])
        /// Goes up with each change: requests that hang look at it.
        var generation: UInt64 = 0
    }

    private let state = Mutex(State())
    private let requests = Atomic<UInt64>(0)
    /// Nothing set is the rule: one load then decides.
    private let isActive = Atomic<Bool>(false)

    private let active: Gauge
    private let delays: Counter
    private let errors: Counter
    private let hangs: Counter

    /// None at first.
    ///
    /// - Parameter metrics: Where they are counted; by default nowhere.
    package init(metrics: any MetricsFactory = NOOPMetricsHandler.instance) {
        func injected(_ kind: String) -> Counter {
            Counter(label: "resilience_fault_injected_total", dimensions: [("kind", kind)], factory: metrics)
        }
        active = Gauge(label: "resilience_fault_active", factory: metrics)
        active.record(0)
        delays = injected("latency")
        errors = injected("error")
        hangs = injected("hang")
    }

    package var decider: FaultDecider { state.withLock { $0.decider } }

    /// Replaces all faults; the requests that hang are let go.
    package func set(_ decider: FaultDecider) {
        state.withLock {
            $0.decider = decider
            $0.generation += 1
            // Under the lock, so that two changes at once leave both of the same one.
            isActive.store(!decider.isIdle, ordering: .releasing)
            active.record(decider.faults.count { $0.rate > 0 })
        }
    }

    /// Does to a request what the faults demand: waits, hangs, or answers in the service's place.
    ///
    /// - Throws: the ``Problem`` to answer with, or `CancellationError`.
    func strike(method: HTTPRequest.Method, path: String) async throws {
        guard isActive.load(ordering: .acquiring) else { return }
        let (decider, generation) = state.withLock { ($0.decider, $0.generation) }
        let number = requests.wrappingAdd(1, ordering: .relaxed).oldValue
        let decision = decider.decide(method: method.rawValue, path: path, number: number)
        if decision.delay > .zero {
            delays.increment()
            try await Task.sleep(for: decision.delay)
        }
        switch decision.outcome {
        case .serve: return
        case .answer(let status):
            errors.increment()
            throw Problem(.init(code: status), type: "injected-fault", detail: "A fault was injected here.")
        case .hang:
            hangs.increment()
            // Polling is good enough for a fault that is there to hang.
            while state.withLock({ $0.generation }) == generation { try await Task.sleep(for: .milliseconds(50)) }
            throw Problem(.serviceUnavailable, type: "injected-fault", detail: "A fault was injected here and is over.")
        }
    }
}
