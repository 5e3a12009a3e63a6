// SPDX-License-Identifier: Apache-2.0

/// Decides which requests of a service the faults inside it concern, and how.
///
/// Pure and stateless: the same seed, faults, request and number give the same decision, so that two compared runs lose the
/// same requests. Safe from any thread. Without faults, or with rates of 0, it draws no numbers.
package struct FaultDecider: Sendable {
    package let faults: [ServiceFault]
    package let seed: UInt64

    /// What becomes of a request: it waits for `delay`, and then `outcome` happens.
    package struct Decision: Sendable, Equatable {
        package enum Outcome: Sendable, Equatable {
            /// It is served as usual.
            case serve
            /// It is answered with this status instead.
            case answer(status: Int)
            /// It is never answered while these faults are set.
            case hang
        }

        package var delay: Duration = .zero
        package var outcome: Outcome = .serve

        /// Nothing happens to the request.
        package static let none = Decision()

        package init(delay: Duration = .zero, outcome: Outcome = .serve) {
            self.delay = delay
            self.outcome = outcome
        }
    }

    package init(faults: [ServiceFault], seed: UInt64 = 0) {
        self.faults = faults
        self.seed = seed
    }

    /// Whether no request can be concerned.
    package var isIdle: Bool { faults.allSatisfy { $0.rate == 0 } }

    /// Decides about one request.
    ///
    /// Faults apply in their order: delays add up, and the first error or hang that strikes decides the outcome.
    /// - Parameter number: counts the requests of this service, or is a hash of what identifies the request.
    package func decide(method: String, path: String, number: UInt64) -> Decision {
        var decision = Decision.none
        for (index, fault) in faults.enumerated()
        where fault.rate > 0 && fault.route.matches(method: method, path: path) {
            // A generator of its own for each fault: adding one fault does not change whom the others strike.
            var random = SeededGenerator(seed: seed &+ UInt64(index), member: number)
            guard fault.rate >= 1 || random.nextUnit() < fault.rate else { continue }
            switch fault.kind {
            case .latency(let mean, let jitter):
                decision.delay += Delay(mean: mean, jitter: jitter).draw(&random)
            case .error(let status):
                decision.outcome = .answer(status: status)
                return decision
            case .hang:
                decision.outcome = .hang
                return decision
            }
        }
        return decision
    }
}

/// A random delay: mean ± jitter, uniform, never below zero.
package struct Delay: Sendable, Equatable {
    package var mean: Duration
    package var jitter: Duration

    package init(mean: Duration, jitter: Duration = .zero) {
        self.mean = mean
        self.jitter = jitter
    }

    /// The next delay. Draws no number when there is no jitter.
    package func draw(_ random: inout SeededGenerator) -> Duration {
        guard jitter > .zero else { return mean }
        return max(.zero, mean + jitter * (2 * random.nextUnit() - 1))
    }
}
